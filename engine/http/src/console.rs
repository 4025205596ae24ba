//! The console of operators: pages on the server, read and changed with the rights of an access token.

mod access;
mod cookie;
mod download;
mod history;
mod home;
mod import_file;
mod imports;
mod org_tree;
mod people;
mod phones;
mod positions;
mod render;
mod runs;
mod sign_in;
mod start;
mod texts;
mod undo;
mod upload;
mod values;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, REFERRER_POLICY, X_FRAME_OPTIONS};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{any, get, post};
use boarding_commands::values::Code;

use self::visit::Visit;
use crate::state::HttpState;

/// The paths of the console with their methods.
pub(super) fn router() -> Router<Arc<HttpState>> {
    Router::new()
        .route("/console", get(home::show))
        .route("/console/", get(home::show))
        .route("/console/sign-in", get(sign_in::show).post(sign_in::begin))
        .route("/console/sign-out", post(sign_in::end))
        .route("/console/events", get(positions::get))
        .route("/console/imports", get(imports::list))
        .route("/console/imports/new", get(import_file::form))
        .route("/console/imports/preview", post(import_file::preview))
        .route("/console/imports/commit", post(import_file::commit))
        .route("/console/imports/{import}", get(imports::show))
        .route("/console/imports/{import}/undo", get(undo::confirm).post(undo::begin))
        .route("/console/runs", get(runs::list))
        .route("/console/runs/new", get(start::form))
        .route("/console/runs/confirm", get(start::confirm).post(start::confirm_chosen))
        .route("/console/runs/start", post(start::send))
        .route("/console/runs/{run}", get(runs::show))
        .route("/console/runs/{run}/withdraw", post(runs::withdraw))
        .route("/console/phones", get(phones::list).post(phones::add))
        .route("/console/people", get(people::list))
        .route("/console/person", get(people::show))
        .route("/console/history", get(history::show))
        .route("/console/access", get(access::show))
        .route("/console/settings", get(access::settings))
        .route("/console/download/{query}", get(download::get))
        .route("/console/{*path}", any(unknown))
        .method_not_allowed_fallback(wrong_method)
        .layer(map_response(|response: Response| async { private(response) }))
}

/// A path that the console does not have.
async fn unknown(visit: Visit) -> Response {
    visit.lacks_page(Code::HttpUnknownPath, "page_unknown")
}

/// A path of a form, without the form.
async fn wrong_method(visit: Visit) -> Response {
    visit.lacks_page(Code::HttpMethodNotAllowed, "page_method")
}

/// The response with headers that keep it out of caches, frames and referrers.
fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}
