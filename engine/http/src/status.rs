//! The state of the engine for programs that watch it, and the description of the paths.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::FutureExt as _;

use crate::response;
use crate::state::HttpState;

const PLAIN: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /healthz`: the process answers.
pub(super) async fn healthz() -> Response {
    response::text(StatusCode::OK, PLAIN, "ok\n".to_owned())
}

/// `GET /readyz`: commands and queries can be answered now.
pub(super) async fn readyz(State(state): State<Arc<HttpState>>) -> Response {
    let why = match *state.closing.borrow() {
        true => Some("the engine is stopping".to_owned()),
        false => None,
    };
    let why = why
        .or_else(|| state.commands.may_answer().err())
        .or_else(|| state.engine.log_failed().now_or_never())
        .or_else(|| state.engine.queries_wait_for());
    match why {
        None => response::text(StatusCode::OK, PLAIN, "ready\n".to_owned()),
        Some(why) => {
            let text = format!("not ready: {why}\n");
            response::text(StatusCode::SERVICE_UNAVAILABLE, PLAIN, text)
        }
    }
}

/// `GET /metrics`, in the text format of Prometheus.
pub(super) async fn metrics(State(state): State<Arc<HttpState>>) -> Response {
    let text = state.engine.metrics().await.text();
    response::text(StatusCode::OK, PROMETHEUS, text)
}

/// `GET /openapi.json`: the paths with their parameters and answers.
pub(super) async fn openapi(State(state): State<Arc<HttpState>>) -> Response {
    response::text(StatusCode::OK, "application/json", state.openapi.clone())
}
