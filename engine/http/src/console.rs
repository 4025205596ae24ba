//! The console of operators: pages on the server, read and changed with the rights of an access token.

mod access;
mod cookie;
mod download;
mod history;
mod home;
mod import_file;
mod imports;
mod people;
mod phones;
mod positions;
mod render;
mod runs;
mod sign_in;
mod start;
mod texts;
mod upload;
mod values;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

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
        .route("/console/runs", get(runs::list))
        .route("/console/runs/new", get(start::form))
        .route("/console/runs/confirm", get(start::confirm))
        .route("/console/runs/start", post(start::send))
        .route("/console/runs/{run}", get(runs::show))
        .route("/console/phones", get(phones::list).post(phones::add))
        .route("/console/people", get(people::list))
        .route("/console/person", get(people::show))
        .route("/console/history", get(history::show))
        .route("/console/access", get(access::show))
        .route("/console/settings", get(access::settings))
        .route("/console/download/{query}", get(download::get))
}
