//! Renders the templates of the pages.

use std::sync::LazyLock;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use boarding_commands::values::Code;
use boarding_core::queries::QueryFailure;
use minijinja::{Environment, Value, context};

use crate::html;
use crate::html::texts::Texts;
use crate::state::HttpState;

/// The templates. Names that end in `.html` have their values escaped.
const TEMPLATES: [(&str, &str); 8] = [
    ("layout.html", include_str!("templates/layout.html")),
    ("link.html", include_str!("templates/link.html")),
    ("code.html", include_str!("templates/code.html")),
    ("message.html", include_str!("templates/message.html")),
    ("import.html", include_str!("templates/import.html")),
    ("phone.html", include_str!("templates/phone.html")),
    ("mailbox.html", include_str!("templates/mailbox.html")),
    ("mail.html", include_str!("templates/mail.html")),
];

/// What a page may load: only its own style, script and data.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

static ENVIRONMENT: LazyLock<Environment<'static>> =
    LazyLock::new(|| html::environment(&TEMPLATES));

/// A page with the texts of a language.
pub(super) fn page(
    state: &HttpState,
    status: StatusCode,
    template: &str,
    texts: &Texts,
    values: Value,
) -> Response {
    let (root, lang) = (state.pages.root.as_str(), texts.language);
    let common = context! { root => root, lang => lang, t => texts.shown.clone() };
    let values = context! { ..values, ..common };
    html::page(&ENVIRONMENT, POLICY, status, template, values)
}

/// A page that only says something.
pub(super) fn message(
    state: &HttpState,
    status: StatusCode,
    texts: &Texts,
    title: &str,
    said: &[&str],
) -> Response {
    page(
        state,
        status,
        "message.html",
        texts,
        context! { title => title, texts => said.iter().copied().map(Value::from).collect::<Vec<_>>() },
    )
}

/// The page of a token that no company has made. It is the same for every such token.
pub(super) fn unknown(state: &HttpState, texts: &Texts) -> Response {
    let title = texts.get("unknown_title");
    message(state, StatusCode::NOT_FOUND, texts, title, &[texts.get("unknown")])
}

/// The page of a link that does not work. It names no person and no company.
pub(super) fn ended(state: &HttpState, texts: &Texts, code: Code) -> Response {
    let (title, text) = match code {
        Code::InvitationNotFound => return unknown(state, texts),
        Code::InvitationAlreadyUsed => ("done_title", "done_text"),
        Code::InvitationExpired => ("ended_title", "expired"),
        Code::InvitationRevoked => ("ended_title", "revoked"),
        Code::InvitationSuperseded => ("ended_title", "superseded"),
        _ => ("ended_title", "ended"),
    };
    message(state, StatusCode::GONE, texts, texts.get(title), &[texts.get(text)])
}

/// The page of a request that cannot be answered now.
pub(super) fn failed(state: &HttpState, texts: &Texts, failure: &QueryFailure) -> Response {
    let code = match failure {
        QueryFailure::Refused(refusal) => refusal.code,
        QueryFailure::Failed { code, why } => {
            // Anybody can make many requests, so a refused one is no line in the log.
            if *code != Code::Overloaded {
                tracing::warn!(code = code.as_str(), why, "a page cannot be shown");
            }
            *code
        }
    };
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = message(state, status, texts, texts.get("busy_title"), &[texts.get("busy")]);
    if matches!(code, Code::Overloaded | Code::Unavailable) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_valid_and_escapes_its_values() {
        for (name, _) in TEMPLATES {
            assert!(ENVIRONMENT.get_template(name).is_ok(), "{name}");
        }
        let page = ENVIRONMENT.get_template("message.html").unwrap();
        let shown = page.render(context! { title => "<b>", texts => ["\"'&"] }).unwrap();
        assert!(shown.contains("&lt;b&gt;") && !shown.contains("<b>"), "{shown}");
        assert!(shown.contains("&quot;&#x27;&amp;"), "{shown}");
    }
}
