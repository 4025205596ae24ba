//! A command that reached an engine which does not work for its company is handed on to the one that does.

use std::time::Duration;

use async_nats::HeaderMap;
use boarding_commands::values::{Code, CompanyId};

use super::names;
use super::ownership::{EngineId, Owner};
use super::requests::{self, Request};
use super::server::ServerState;
use super::takeover;
use super::wire::{Encoding, WireResponse};
use crate::limits::FORWARD_SECONDS_MAX;

/// Where a command that is handed on says what it was asked as.
pub(super) const ORIGINAL_SUBJECT: &str = "Boarding-Subject";

/// Does what a command asks, here or where its company is worked for.
pub(super) async fn command(state: &ServerState, request: Request<'_>) -> WireResponse {
    let Ok(company) = request.company().parse::<CompanyId>() else {
        return requests::command(&state.engine, request).await;
    };
    match takeover::owner(&state.engine, state.owners.as_ref(), &company).await {
        Ok(Owner::Me) => requests::command(&state.engine, request).await,
        Ok(Owner::Other(engine)) => forward_to(state, request, engine).await,
        Err(error) => later(request, &boarding_log::error_chain(&error)),
    }
}

/// What was asked may have been done when no answer comes; asked again, it is done once all the same.
async fn forward_to(state: &ServerState, request: Request<'_>, engine: EngineId) -> WireResponse {
    let mut headers = request.headers.cloned().unwrap_or_default();
    headers.insert(ORIGINAL_SUBJECT, request.subject);
    let forwarded = async_nats::Request::new()
        .headers(headers)
        .payload(request.payload.to_vec().into())
        .timeout(Some(Duration::from_secs(FORWARD_SECONDS_MAX)));
    match state.client.send_request(names::forwarded(engine), forwarded).await {
        Ok(answer) => {
            let encoding = Encoding::of(answer.headers.as_ref()).unwrap_or(Encoding::Json);
            WireResponse::relayed(encoding, answer.payload.to_vec())
        }
        Err(error) => {
            let error = boarding_log::error_chain(&error);
            later(
                request,
                &format!("the engine that works for the company did not answer: {error}"),
            )
        }
    }
}

fn later(request: Request<'_>, why: &str) -> WireResponse {
    let summary = request.summary();
    WireResponse::failed(summary.encoding, summary.id, Code::Unavailable, why)
}

/// The subject that a command was asked under, where another engine has handed it on.
pub(super) fn original_subject(headers: Option<&HeaderMap>) -> Option<&str> {
    headers?.get(ORIGINAL_SUBJECT).map(|value| value.as_str())
}
