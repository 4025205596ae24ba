//! `POST /v1/<company>/commands/<CommandName>`: executes a command.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use boarding_commands::values::{Code, Refusal, fold};
use boarding_core::serving::TOO_MANY;
use boarding_core::serving::wire::{Encoding, WireResponse, id_in};
use serde_json::{Value, json};

use crate::body::{self, Parts};
use crate::caller::Caller;
use crate::calls;
use crate::limits::COMMAND_BYTES_MAX;
use crate::response;
use crate::state::HttpState;

pub(super) async fn post(
    State(state): State<Arc<HttpState>>,
    Path((company, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut parts = Parts::of(&headers, body);
    let response = respond(&state, &company, name, headers, &mut parts).await;
    body::discard(parts).await;
    response
}

async fn respond(
    state: &Arc<HttpState>,
    company: &str,
    name: String,
    headers: HeaderMap,
    parts: &mut Parts,
) -> Response {
    let encoding = match body::encoding(&headers) {
        Ok(encoding) => encoding,
        Err(refusal) => return response::refused(refusal),
    };
    let caller = match Caller::of(state, &headers, company).await {
        Ok(caller) => caller,
        Err(no) => return response::of(WireResponse::of_query(encoding, Err(no))),
    };
    // The place is for the whole body, so that bodies on their way cannot fill the memory.
    let bytes = body::announced_bytes(&headers).unwrap_or(COMMAND_BYTES_MAX).min(COMMAND_BYTES_MAX);
    let Some(place) = state.admission.commands.acquire(company, bytes) else {
        return response::of(WireResponse::failed(encoding, None, Code::Overloaded, TOO_MANY));
    };
    let payload = match body::whole(parts, COMMAND_BYTES_MAX).await {
        Ok(payload) => payload,
        Err(refusal) => return response::of(WireResponse::refused(encoding, None, refusal)),
    };
    // A client that closes its connection must not stop a command that has begun.
    let of_task = Arc::clone(state);
    let executed = state.finish(async move {
        let executed = execute(&of_task, &caller, &name, encoding, &headers, &payload).await;
        drop(place);
        executed
    });
    let executed = executed.await;
    response::of(executed.unwrap_or_else(|no| WireResponse::of_query(encoding, Err(no))))
}

async fn execute(
    state: &HttpState,
    caller: &Caller,
    name: &str,
    encoding: Encoding,
    headers: &HeaderMap,
    payload: &[u8],
) -> WireResponse {
    let envelope = match encoding.read(payload, Code::EnvelopeMalformed) {
        Ok(envelope) => envelope,
        Err(refusal) => return WireResponse::refused(encoding, None, refusal),
    };
    let id = id_in(&envelope);
    let envelope = match with_sender(envelope, caller, headers) {
        Ok(envelope) => envelope,
        Err(refusal) => return WireResponse::refused(encoding, id, refusal),
    };
    calls::command(state, caller, name, envelope).await.from_json(encoding)
}

/// The envelope with the owner of the token as its actor, and the trace from the headers.
///
/// # Errors
/// `auth.actor_not_bound` when it names another actor.
fn with_sender(
    mut envelope: Value,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Value, Refusal> {
    let Value::Object(fields) = &mut envelope else { return Ok(envelope) };
    match fields.get("actor") {
        None | Some(Value::Null) => {}
        Some(Value::String(named)) if fold(named) == fold(&caller.actor) => {}
        Some(_) => {
            let why = "over HTTP, the actor is the owner of the access token; leave it out";
            let details = json!({"actor": caller.actor});
            return Err(Refusal::new(Code::AuthActorNotBound).saying(why).with(details));
        }
    }
    fields.insert("actor".to_owned(), caller.actor.clone().into());
    let trace = headers.get("traceparent").and_then(|value| value.to_str().ok());
    if let (None | Some(Value::Null), Some(trace)) = (fields.get("traceparent"), trace)
        // The standard says to ignore a header of another form.
        && boarding_commands::values::is_traceparent(trace)
    {
        fields.insert("traceparent".to_owned(), trace.into());
    }
    Ok(envelope)
}
