//! Renders the templates of the console.

use std::sync::LazyLock;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use boarding_commands::values::{Code, Refusal};
use boarding_core::queries::QueryFailure;
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, Error, UndefinedBehavior, Value, context};
use serde::Serialize;
use serde_json::Value as Json;

use crate::html;
use crate::html::texts::Texts;
use crate::state::HttpState;

macro_rules! template {
    ($name:literal) => {
        ($name, include_str!(concat!("templates/", $name)))
    };
}

/// The templates. Names that end in `.html` have their values escaped.
const TEMPLATES: [(&str, &str); 23] = [
    template!("layout.html"),
    template!("macros.html"),
    template!("pager.html"),
    template!("sign_in.html"),
    template!("message.html"),
    template!("home.html"),
    template!("imports.html"),
    template!("import.html"),
    template!("import_new.html"),
    template!("import_preview.html"),
    template!("import_rows.html"),
    template!("import_undo.html"),
    template!("runs.html"),
    template!("run.html"),
    template!("run_new.html"),
    template!("run_confirm.html"),
    template!("phones.html"),
    template!("people.html"),
    template!("person.html"),
    template!("history.html"),
    template!("event_list.html"),
    template!("access.html"),
    template!("settings.html"),
];

/// What a page may load: only its own style, script and data.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = html::environment(&TEMPLATES);
    // A part of a page that the operator may not see has no values.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.add_filter("time", time);
    environment.add_filter("fill", fill);
    environment.add_filter("words", words);
    environment.add_filter("code_text", code_text);
    environment
});

/// Data for a template.
pub(super) fn data(value: impl Serialize) -> Value {
    Value::from(Serde(value))
}

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

/// The page of a request that is refused, or cannot be answered now. `values` are those of the session.
pub(super) fn failed(
    state: &HttpState,
    texts: &Texts,
    failure: &QueryFailure,
    values: Value,
) -> Response {
    let code = match failure {
        QueryFailure::Refused(refusal) => refusal.code,
        QueryFailure::Failed { code, why } => {
            if *code != Code::Overloaded {
                tracing::warn!(code = code.as_str(), why, "a page of the console cannot be shown");
            }
            *code
        }
    };
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (title, why, permission) = match failure {
        QueryFailure::Refused(Refusal { message, details, .. }) => {
            let permission = details.get("permission").and_then(Json::as_str).unwrap_or_default();
            let title = match code {
                Code::AuthPermissionDenied => "denied_title",
                Code::HttpUnknownPath | Code::HttpMethodNotAllowed => "missing_title",
                _ => "refused_title",
            };
            (title, message.as_str(), permission)
        }
        QueryFailure::Failed { .. } => ("busy_title", code.text(), ""),
    };
    let shown = context! {
        title => texts.get(title), why => why, code => code.as_str(), permission => permission,
    };
    let mut response = page(state, status, "message.html", texts, context! { ..shown, ..values });
    if matches!(code, Code::Overloaded | Code::Unavailable | Code::NotYetVisible) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// A time as people read it. The script shows it in the zone of the browser.
fn time(value: &Value) -> Value {
    let Some(text) = value.as_str().filter(|text| is_time(text)) else { return Value::from("–") };
    let (date, clock) = (text.get(..10).unwrap_or_default(), text.get(11..16).unwrap_or_default());
    let html = format!("<time datetime=\"{text}\">{date} {clock} UTC</time>");
    Value::from_safe_string(html)
}

/// Whether the text has only the characters of a time, so that it needs no escaping.
fn is_time(text: &str) -> bool {
    let is_part =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'.' | b'T' | b'Z');
    text.len() >= 17 && text.bytes().all(is_part)
}

/// A text with the values of its placeholders.
#[expect(clippy::needless_pass_by_value, reason = "a filter gets its named arguments by value")]
fn fill(text: String, values: Kwargs) -> Result<String, Error> {
    let mut filled = text;
    for name in values.args() {
        let value: Value = values.get(name)?;
        filled = filled.replace(&format!("{{{name}}}"), &value.to_string());
    }
    Ok(filled)
}

/// The name of an event as words: `InviteSent` is `Invite sent`.
fn words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    for (n, char) in name.chars().enumerate() {
        if n > 0 && char.is_ascii_uppercase() {
            words.push(' ');
            words.push(char.to_ascii_lowercase());
        } else {
            words.push(char);
        }
    }
    words
}

/// The text of a stable code; the code itself if this program does not know it.
fn code_text(code: &str) -> String {
    let known: Option<Code> = serde_json::from_value(code.into()).ok();
    known.map_or_else(|| code.to_owned(), |code| code.text().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_valid_and_has_its_texts() {
        let texts: Json = serde_json::from_str(include_str!("texts/en.json")).unwrap();
        for (name, source) in TEMPLATES {
            assert!(ENVIRONMENT.get_template(name).is_ok(), "{name}");
            assert!(!source.contains("|safe"), "{name}");
            for used in
                source.split(['(', ' ', '{', '[']).filter_map(|part| part.strip_prefix("t."))
            {
                let end = used.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let key = &used[..end.unwrap_or(used.len())];
                assert!(texts.get(key).is_some(), "{name}: no text {key}");
            }
        }
    }

    #[test]
    fn values_are_escaped_and_times_are_not_trusted() {
        let render = |source: &str, value: &str| {
            let mut environment = ENVIRONMENT.clone();
            environment.add_template_owned("x.html", source.to_owned()).unwrap();
            environment.get_template("x.html").unwrap().render(context! { v => value }).unwrap()
        };
        assert_eq!(render("{{ v }}", "<b>"), "&lt;b&gt;");
        assert_eq!(render("{{ v|time }}", "2026-11-21T08:00:00<b>"), "–");
        let shown = render("{{ v|time }}", "2026-11-21T08:00:00.000Z");
        assert!(shown.contains(">2026-11-21 08:00 UTC<"), "{shown}");
        assert_eq!(render("{{ 'a {n}'|fill(n=v) }}", "<b>"), "a &lt;b&gt;");
        assert_eq!(render("{{ v|words }}", "InviteSent"), "Invite sent");
        let code = "recipient.already_linked";
        assert_ne!(render("{{ v|code_text }}", code), code);
        assert_eq!(render("{{ v|code_text }}", "no.such_code"), "no.such_code");
    }
}
