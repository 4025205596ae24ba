//! The paths of the server.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{delete, get, post};
use boarding_commands::values::{Code, Refusal};
use tower_http::compression::CompressionLayer;

use crate::body::{self, Parts};
use crate::state::HttpState;
use crate::{commands, console, events, html, pages, queries, response, status, uploads};

/// All paths with their methods.
pub(super) fn router(state: Arc<HttpState>) -> Router {
    let compressed = Router::new()
        .route("/openapi.json", get(status::openapi))
        .route("/assets/{name}", get(html::assets::get))
        .route("/v1/{company}/commands/{name}", post(commands::post))
        .route("/v1/{company}/{query}", get(queries::get))
        .layer(CompressionLayer::new());
    // Pages with secrets, streams and uploads are sent as they are.
    Router::new()
        .merge(compressed)
        .route("/healthz", get(status::healthz))
        .route("/readyz", get(status::readyz))
        .route("/metrics", get(status::metrics))
        .route("/i/{token}", get(pages::get))
        .route("/i/{token}/state", get(pages::link_state))
        .route("/i/{token}/code", get(pages::code))
        .route("/i/{token}/number", post(pages::number))
        .route("/i/{token}/invite", post(pages::invite))
        .route("/link/{token}", get(pages::moved))
        .route("/phone/{code}", get(pages::phone::get).post(pages::phone::post))
        .merge(console::router())
        .route("/mailbox", get(pages::mailbox::list))
        .route("/mailbox/mail/{*path}", get(pages::mailbox::mail))
        .route("/mailbox/html/{*path}", get(pages::mailbox::html))
        .route("/v1/{company}/files", post(uploads::post))
        .route("/v1/{company}/files/{upload}", delete(uploads::delete))
        .route("/v1/{company}/events", get(events::get))
        .fallback(|request| refuse(request, Code::HttpUnknownPath))
        .method_not_allowed_fallback(|request| refuse(request, Code::HttpMethodNotAllowed))
        .layer(map_response(|response: Response| async { guarded(response) }))
        .with_state(state)
}

async fn refuse(request: Request, code: Code) -> Response {
    let (head, body) = request.into_parts();
    body::discard(Parts::of(&head.headers, body)).await;
    response::refused(Refusal::new(code))
}

/// The response with headers that keep a browser from taking it for a page.
fn guarded(mut response: Response) -> Response {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if response.status() == StatusCode::BAD_REQUEST
        && kind.is_some_and(|kind| kind.starts_with("text/plain"))
    {
        // The router could not decode the path.
        response = response::refused(Refusal::new(Code::HttpUnknownPath));
    }
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    // Pages have a policy of their own.
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    response
}
