//! Responses: status, headers and body.

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use boarding_commands::values::{Code, Refusal};
use boarding_core::serving::wire::{Encoding, WireResponse};

/// The HTTP response: the status follows from the code, and nothing is stored on the way.
pub(super) fn of(response: WireResponse) -> Response {
    let code = response.code;
    let mut http = Response::new(Body::from(response.body));
    *http.status_mut() = code.map_or(StatusCode::OK, status);
    let headers = http.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(response.content_type));
    // Answers hold personal data.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match code {
        Some(Code::AuthUnauthenticated) => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Some(Code::Overloaded | Code::Unavailable | Code::NotYetVisible) => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
    http
}

fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The same response with the tag of its answer.
pub(super) fn with_tag(mut response: Response, tag: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(ETAG, value);
    }
    response
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("accept, accept-encoding, authorization"));
    response
}

/// The response to a client that has the answer of this tag already.
pub(super) fn not_modified(tag: &str) -> Response {
    let mut http = with_tag(empty(), tag);
    *http.status_mut() = StatusCode::NOT_MODIFIED;
    http
}

/// The response of something that was done and has no answer.
pub(super) fn empty() -> Response {
    let mut http = Response::new(Body::empty());
    *http.status_mut() = StatusCode::NO_CONTENT;
    http.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    http
}

/// A refusal in JSON, for a request whose encoding does not count.
pub(super) fn refused(refusal: Refusal) -> Response {
    of(WireResponse::refused(Encoding::Json, None, refusal))
}

/// The same response as a file to download.
pub(super) fn as_file(mut response: Response, name: &str) -> Response {
    let value = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    if let Ok(value) = value {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    response
}

/// A text that programs other than clients of the contract read.
pub(super) fn text(status: StatusCode, content_type: &'static str, text: String) -> Response {
    let mut http = Response::new(Body::from(text));
    *http.status_mut() = status;
    http.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    http.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    http
}
