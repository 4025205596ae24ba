//! The styles and the scripts of the pages.

use axum::extract::Path;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use boarding_commands::values::{Code, Refusal};

use crate::response;

/// `GET /assets/<name>`.
pub(crate) async fn get(Path(name): Path<String>) -> Response {
    let (kind, text) = match name.as_str() {
        "page.css" => ("text/css; charset=utf-8", include_str!("assets/page.css")),
        "console.css" => ("text/css; charset=utf-8", include_str!("assets/console.css")),
        "console.js" => ("text/javascript; charset=utf-8", include_str!("assets/console.js")),
        "page.js" => ("text/javascript; charset=utf-8", include_str!("assets/page.js")),
        _ => return response::refused(Refusal::new(Code::HttpUnknownPath)),
    };
    let mut response = response::text(StatusCode::OK, kind, text.to_owned());
    // They hold nothing personal. An hour is short enough for a new version of the program.
    let cached = HeaderValue::from_static("public, max-age=3600");
    response.headers_mut().insert(CACHE_CONTROL, cached);
    response
}
