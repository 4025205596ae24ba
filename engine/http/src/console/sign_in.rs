//! Sign-in with a company and an access token, and sign-out.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use boarding_commands::values::Code;
use boarding_core::queries::QueryFailure;
use minijinja::context;

use super::visit::{PROOF, Visit, forged, is_of_this_site};
use super::{cookie, render, texts};
use crate::caller::Caller;
use crate::html;
use crate::html::form::{self, Fields};
use crate::html::texts::Texts;
use crate::limits::{PAGE_FORM_BYTES_MAX, SIGN_IN_MILLIS};
use crate::secret::Secret;
use crate::state::HttpState;

/// `GET /console/sign-in`.
pub(super) async fn show(
    State(state): State<Arc<HttpState>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let texts = texts::accepted(&headers);
    let fields = Fields::parse(query.unwrap_or_default().as_bytes());
    let note = if fields.get("ended").is_empty() { "" } else { texts.get("session_ended") };
    page(&state, texts, &headers, StatusCode::OK, note, "")
}

/// `POST /console/sign-in`: begins a session with a new id.
pub(super) async fn begin(State(state): State<Arc<HttpState>>, request: Request) -> Response {
    let headers = request.headers().clone();
    let texts = texts::accepted(&headers);
    let read = form::read(request, PAGE_FORM_BYTES_MAX).await;
    // Each answer takes the same time, so that it does not tell whether the company exists.
    let same_time = tokio::time::sleep(Duration::from_millis(SIGN_IN_MILLIS));
    let response = match read {
        Ok(fields) => attempt(&state, texts, &headers, &fields).await,
        Err(failure) => render::failed(&state, texts, &failure, context! {}),
    };
    same_time.await;
    response
}

async fn attempt(
    state: &Arc<HttpState>,
    texts: &Texts,
    headers: &HeaderMap,
    fields: &Fields,
) -> Response {
    let secret = Secret::parse(cookie::get(headers, cookie::SIGN_IN));
    let is_own = secret.is_some_and(|secret| secret.has_made(fields.get(PROOF)));
    if !is_own || !is_of_this_site(state, headers) {
        return render::failed(state, texts, &forged(), context! {});
    }
    let (company, token) = (fields.get("company").trim(), fields.get("token").trim());
    let now = state.engine.clock().now();
    if let Err(seconds) = state.sign_ins.begin(company, now) {
        let note = texts.filled("sign_in_later", &[("seconds", &seconds.to_string())]);
        let status = StatusCode::TOO_MANY_REQUESTS;
        let mut response = page(state, texts, headers, status, &note, company);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        return response;
    }
    let caller = match Caller::of_secret(state, company, token).await {
        Ok(caller) => caller,
        Err(QueryFailure::Refused(_)) => {
            tracing::info!("a sign-in to the console failed");
            let note = texts.get("sign_in_failed");
            return page(state, texts, headers, StatusCode::UNAUTHORIZED, note, company);
        }
        Err(failure) => return render::failed(state, texts, &failure, context! {}),
    };
    state.sign_ins.succeeded(company);
    state.sessions.end(cookie::get(headers, cookie::SESSION));
    match state.sessions.begin(&caller.company, caller.token, now) {
        Ok(id) => {
            tracing::info!(company = %caller.company, token = %caller.token, "signed in to the console");
            let home = format!("{}/console/", state.pages.root);
            let mut response = html::redirect(StatusCode::SEE_OTHER, &home);
            cookie::set(&mut response, state, cookie::SESSION, &id);
            cookie::remove(&mut response, state, cookie::SIGN_IN);
            response
        }
        Err(error) => no_secret(state, texts, &error),
    }
}

/// `POST /console/sign-out`: ends the session.
pub(super) async fn end(visit: Visit, request: Request) -> Response {
    let id = cookie::get(request.headers(), cookie::SESSION).to_owned();
    if let Err(failure) = visit.form(request).await {
        return visit.answered(Err(failure));
    }
    visit.state.sessions.end(&id);
    let address = format!("{}/console/sign-in", visit.state.pages.root);
    let mut response = html::redirect(StatusCode::SEE_OTHER, &address);
    cookie::remove(&mut response, &visit.state, cookie::SESSION);
    response
}

/// The form, with a note about the last attempt.
fn page(
    state: &HttpState,
    texts: &Texts,
    headers: &HeaderMap,
    status: StatusCode,
    note: &str,
    company: &str,
) -> Response {
    // Several tabs share the secret of the browser.
    let known = Secret::parse(cookie::get(headers, cookie::SIGN_IN));
    let secret = match known.map_or_else(Secret::new, Ok) {
        Ok(secret) => secret,
        Err(error) => return no_secret(state, texts, &error),
    };
    let values = context! {
        title => texts.get("sign_in_title"),
        note => note,
        named_company => company,
        proof => secret.form_token().unwrap_or_default(),
    };
    let mut response = render::page(state, status, "sign_in.html", texts, values);
    cookie::set(&mut response, state, cookie::SIGN_IN, &secret.text());
    response
}

fn no_secret(state: &HttpState, texts: &Texts, error: &std::io::Error) -> Response {
    let why = format!("the system has no random numbers: {error}");
    let failure = QueryFailure::Failed { code: Code::Unavailable, why };
    render::failed(state, texts, &failure, context! {})
}
