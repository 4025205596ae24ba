//! What all pages share: assets, forms, texts in languages, and the headers of a page.

pub(crate) mod assets;
pub(crate) mod form;
pub(crate) mod texts;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use minijinja::{Environment, Value};

use crate::response;

/// An environment with these templates. Values in templates whose names end in `.html` are escaped.
pub(crate) fn environment(templates: &[(&'static str, &'static str)]) -> Environment<'static> {
    let mut environment = Environment::new();
    for (name, source) in templates {
        // A test renders each template.
        let _ = environment.add_template(name, source);
    }
    environment
}

/// The page of a template, which may load only what the policy permits.
pub(crate) fn page(
    environment: &Environment<'static>,
    policy: &'static str,
    status: StatusCode,
    template: &str,
    values: Value,
) -> Response {
    let rendered = environment.get_template(template).and_then(|page| page.render(values));
    let (status, text) = rendered.map_or_else(
        |error| {
            tracing::error!(template, error = %error, "a page cannot be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, String::new())
        },
        |text| (status, text),
    );
    let mut response = response::text(status, "text/html; charset=utf-8", text);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    // The address of a page may be the secret of its reader, or name a person.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static("x-frame-options"), HeaderValue::from_static("DENY"));
    response
}

/// A redirection to an address of this server.
pub(crate) fn redirect(status: StatusCode, address: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    if let Ok(address) = HeaderValue::from_str(address) {
        response.headers_mut().insert(LOCATION, address);
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
