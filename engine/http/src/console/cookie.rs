//! The cookies of the console.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use crate::state::HttpState;

/// The id of the session.
pub(super) const SESSION: &str = "boarding_session";

/// The secret of a sign-in form, which has no session yet.
pub(super) const SIGN_IN: &str = "boarding_sign_in";

/// The value of a cookie; empty if the browser has sent none.
pub(super) fn get<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    let sent = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = sent.flat_map(|value| value.split(';')).filter_map(|one| one.split_once('='));
    let found = pairs.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name);
    found.map_or("", |(_, value)| value)
}

/// Sets a cookie that ends with the browser. Only requests from pages of this site have it, and no script reads it.
pub(super) fn set(response: &mut Response, state: &HttpState, name: &str, value: &str) {
    append(response, state, &format!("{name}={value}"));
}

/// Removes a cookie from the browser.
pub(super) fn remove(response: &mut Response, state: &HttpState, name: &str) {
    append(response, state, &format!("{name}=; Max-Age=0"));
}

fn append(response: &mut Response, state: &HttpState, pair: &str) {
    let root = &state.pages.root;
    let secure = if state.pages.public_url.starts_with("https:") { "; Secure" } else { "" };
    let cookie = format!("{pair}; Path={root}/console; HttpOnly; SameSite=Strict{secure}");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("x_boarding_session=no; a=b"));
        headers.append(COOKIE, HeaderValue::from_static("boarding_session=yes"));
        assert_eq!(get(&headers, SESSION), "yes");
        assert_eq!(get(&headers, SIGN_IN), "");
    }
}
