//! Forwards a command to the engine that owns its company.

use std::time::Duration;

use async_nats::{Client, HeaderMap};
use boarding_commands::values::{Code, CompanyId, Refusal, TokenId};
use serde_json::json;

use super::names;
use super::ownership::{CompanyOwners, EngineId, Owner};
use super::requests::{self, Request, RequestSummary};
use super::takeover;
use super::wire::encoding;
use crate::limits::{ANSWER_HEADER_BYTES, FORWARD_SECONDS_MAX};
use boarding_core::engine::Engine;
use boarding_core::serving::wire::{Encoding, WireResponse};

/// The header with the original subject of a forwarded command.
pub(super) const ORIGINAL_SUBJECT: &str = "Boarding-Subject";

/// The header with the access token of a forwarded command. Only engines may forward, so no client can forge it. It counts
/// on the subject for such commands only.
const TOKEN: &str = "Boarding-Token";

/// Executes a command here, or forwards it to the owner of the company.
pub(super) async fn command(
    engine: &Engine,
    owners: Option<&CompanyOwners>,
    client: &Client,
    request: Request<'_>,
) -> WireResponse {
    let Ok(company) = request.subject_parts().company.parse::<CompanyId>() else {
        return requests::command(engine, request).await;
    };
    match takeover::owner(engine, owners, &company).await {
        Ok(Owner::Me) => requests::command(engine, request).await,
        Ok(Owner::Other(owner)) => forward_to(client, request, owner).await,
        Err(error) => later(request, &boarding_log::error_chain(&error)),
    }
}

/// Forwards a command. Without an answer it may have been executed; a retry with the same id is safe.
async fn forward_to(client: &Client, request: Request<'_>, owner: EngineId) -> WireResponse {
    let mut headers = request.headers.cloned().unwrap_or_default();
    headers.insert(ORIGINAL_SUBJECT, request.subject);
    let subject = match request.token {
        Some(token) => {
            headers.insert(TOKEN, token.to_string().as_str());
            names::forwarded_with_token(owner)
        }
        None => names::forwarded(owner),
    };
    // A command over HTTP may be larger than a message.
    let limit = client.max_payload().saturating_sub(ANSWER_HEADER_BYTES);
    if request.payload.len() > limit {
        let why =
            "another engine works for the company, and this is the limit of NATS between them";
        let refusal = Refusal::new(Code::HttpTooLarge).saying(why);
        let refusal = refusal.with(json!({"limit_bytes": limit}));
        let RequestSummary { encoding, id } = request.summary();
        return WireResponse::refused(encoding, id, refusal);
    }
    let forwarded = async_nats::Request::new()
        .headers(headers)
        .payload(request.payload.to_vec().into())
        .timeout(Some(Duration::from_secs(FORWARD_SECONDS_MAX)));
    match client.send_request(subject, forwarded).await {
        Ok(answer) => {
            let encoding = encoding(answer.headers.as_ref()).unwrap_or(Encoding::Json);
            WireResponse::relayed(encoding, answer.payload.to_vec())
        }
        Err(error) => {
            let error = boarding_log::error_chain(&error);
            later(request, &format!("the engine that owns the company did not answer: {error}"))
        }
    }
}

/// The failure of a request that may succeed later.
pub(super) fn later(request: Request<'_>, why: &str) -> WireResponse {
    let summary = request.summary();
    WireResponse::failed(summary.encoding, summary.id, Code::Unavailable, why)
}

/// The access token of a command that another engine has forwarded.
pub(super) fn token(subject: &str, headers: Option<&HeaderMap>) -> Option<TokenId> {
    let headers = headers.filter(|_| names::has_token(subject))?;
    headers.get(TOKEN)?.as_str().parse().ok()
}

/// The original subject of a command that another engine has forwarded.
pub(super) fn original_subject(headers: Option<&HeaderMap>) -> Option<&str> {
    headers?.get(ORIGINAL_SUBJECT).map(|value| value.as_str())
}
