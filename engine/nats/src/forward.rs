//! A command that reached an engine which does not work for its company is handed on to the one that does.

use std::time::Duration;

use async_nats::HeaderMap;
use boarding_commands::values::{Code, CompanyId};

use super::names;
use super::ownership::{EngineId, Owner};
use super::requests::{self, Request};
use super::server::Hall;
use super::takeover;
use super::wire::{Encoding, Told};
use crate::limits::HAND_ON_SECONDS_MAX;

/// Where a command that is handed on says what it was asked as.
pub(super) const ASKED_AS: &str = "Boarding-Subject";

/// Does what a command asks, here or where its company is worked for.
pub(super) async fn command(hall: &Hall, request: Request<'_>) -> Told {
    let Ok(company) = request.company().parse::<CompanyId>() else {
        return requests::command(&hall.engine, request).await;
    };
    match takeover::owner(&hall.engine, hall.owners.as_ref(), &company).await {
        Ok(Owner::Me) => requests::command(&hall.engine, request).await,
        Ok(Owner::Other(engine)) => hand_on(hall, request, engine).await,
        Err(error) => later(request, &boarding_log::error_chain(&error)),
    }
}

/// What was asked may have been done when no answer comes; asked again, it is done once all the same.
async fn hand_on(hall: &Hall, request: Request<'_>, engine: EngineId) -> Told {
    let mut headers = request.headers.cloned().unwrap_or_default();
    headers.insert(ASKED_AS, request.subject);
    let handed_on = async_nats::Request::new()
        .headers(headers)
        .payload(request.payload.to_vec().into())
        .timeout(Some(Duration::from_secs(HAND_ON_SECONDS_MAX)));
    match hall.client.send_request(names::handed_on(engine), handed_on).await {
        Ok(answer) => {
            let encoding = Encoding::of(answer.headers.as_ref()).unwrap_or(Encoding::Json);
            Told::relayed(encoding, answer.payload.to_vec())
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

fn later(request: Request<'_>, why: &str) -> Told {
    let glance = request.glance();
    Told::failed(glance.encoding, glance.id, Code::Unavailable, why)
}

/// The subject that a command was asked under, where another engine has handed it on.
pub(super) fn asked_as(headers: Option<&HeaderMap>) -> Option<&str> {
    headers?.get(ASKED_AS).map(|value| value.as_str())
}
