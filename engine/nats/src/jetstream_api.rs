//! Answers the calls of the JetStream API that the users of other accounts need: for their bucket of files, and for
//! the consumers by which they follow events.
//!
//! In `nats.conf` each user has its own account. A call that could reach more than the user may see comes
//! here. It is checked, and passed on with the engine's rights.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::{Message, Request, Subscriber};
use boarding_commands::values::CompanyId;
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::names::{self, EVENT_STREAM, FILES_BUCKET, FILES_STREAM, NO_COMPANY, RequestSubject};
use super::requests::may_answer;
use super::server_state::ServerState;
use crate::limits::{API_CALL_SECONDS_MAX, API_CALLS_MAX, FOLLOW_ACK_SECONDS_MAX};

/// The prefix of the types of answers.
const KIND: &str = "io.nats.jetstream.api.v1";

/// The error code of the server for a call that is not permitted.
const FORBIDDEN: u16 = 403;

/// The error code of the server if it cannot answer now.
const UNAVAILABLE: u16 = 503;

/// Why a call is not passed on.
struct CallError {
    status: u16,
    why: String,
}

impl CallError {
    fn forbidden(why: &str) -> Self {
        Self { status: FORBIDDEN, why: why.to_owned() }
    }

    fn unavailable(error: &dyn std::error::Error) -> Self {
        Self { status: UNAVAILABLE, why: boarding_log::error_chain(error) }
    }
}

/// Answers calls until the shutdown.
pub(super) async fn run(state: Arc<ServerState>, mut calls: Subscriber) {
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = state.closing() => break,
            Some(_) = running.join_next() => {}
            call = calls.next(), if running.len() < API_CALLS_MAX => match call {
                Some(call) => drop(running.spawn(one(Arc::clone(&state), call))),
                None => break,
            },
        }
    }
    while running.join_next().await.is_some() {}
}

async fn one(state: Arc<ServerState>, call: Message) {
    let Some(reply) = call.reply.as_ref().filter(|reply| may_answer(reply)) else { return };
    let answer = answer(&state, &call).await.unwrap_or_else(|CallError { status, why }| {
        let error = json!({"code": status, "err_code": 0, "description": why});
        json!({"type": format!("{KIND}.response"), "error": error}).to_string().into()
    });
    if let Err(error) = state.client.publish(reply.clone(), answer.into()).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "sending a response failed");
    }
}

async fn answer(state: &ServerState, call: &Message) -> Result<Vec<u8>, CallError> {
    let RequestSubject { company, name, .. } = RequestSubject::read(&call.subject);
    let company = match company {
        NO_COMPANY => None,
        text => Some(text.parse().map_err(|_| CallError::forbidden("malformed company"))?),
    };
    let company: Option<&CompanyId> = company.as_ref();
    let words: Vec<&str> = name.split('.').collect();
    match words[..] {
        ["INFO"] => Ok(account_info()),
        ["STREAM", verb @ ("INFO" | "CREATE"), FILES_STREAM] => {
            bucket(state, company, verb, &call.payload).await
        }
        ["STREAM", "MSG", "GET", FILES_STREAM] => {
            on_object(state, company, READ_ENTRY, &call.payload).await
        }
        ["STREAM", "PURGE", FILES_STREAM] => {
            on_object(state, company, REMOVE_BYTES, &call.payload).await
        }
        ["CONSUMER", "INFO", EVENT_STREAM, consumer] => {
            make_consumer(state, company, consumer).await?;
            pass_on(state, name, &call.payload).await
        }
        ["CONSUMER", "CREATE", EVENT_STREAM, ..] if company.is_none() => {
            check_consumer(&call.payload)?;
            pass_on(state, name, &call.payload).await
        }
        ["CONSUMER", "DELETE", EVENT_STREAM, _]
        | ["CONSUMER", "LIST" | "NAMES", EVENT_STREAM]
        | ["STREAM", "INFO", EVENT_STREAM]
            if company.is_none() =>
        {
            pass_on(state, name, &call.payload).await
        }
        _ => Err(CallError::forbidden("this call is not permitted")),
    }
}

/// Passes a call on to the server.
async fn pass_on(state: &ServerState, call: &str, payload: &[u8]) -> Result<Vec<u8>, CallError> {
    let request = Request::new()
        .payload(payload.to_vec().into())
        .timeout(Some(Duration::from_secs(API_CALL_SECONDS_MAX)));
    let answer = state.client.send_request(format!("$JS.API.{call}"), request).await;
    Ok(answer.map_err(|error| CallError::unavailable(&error))?.payload.to_vec())
}

/// Client libraries ask for the account to see whether it has JetStream. The numbers of the engine's account are
/// not for others.
fn account_info() -> Vec<u8> {
    let limits = json!({
        "max_memory": -1, "max_storage": -1, "max_streams": -1, "max_consumers": -1,
        "max_ack_pending": -1, "memory_max_stream_bytes": -1, "storage_max_stream_bytes": -1,
        "max_bytes_required": false,
    });
    json!({
        "type": format!("{KIND}.account_info_response"), "memory": 0, "storage": 0, "streams": 0,
        "consumers": 0, "limits": limits, "api": {"total": 0, "errors": 0},
    })
    .to_string()
    .into()
}

/// The state of the user's bucket of files. Creates a missing one.
async fn bucket(
    state: &ServerState,
    company: Option<&CompanyId>,
    verb: &str,
    payload: &[u8],
) -> Result<Vec<u8>, CallError> {
    let bucket = bucket_of(company);
    let opened = state.bucket.open(&bucket).await;
    opened.map_err(|error| CallError::unavailable(&*error))?;
    // A request to create the bucket holds a configuration. It is the engine that decides about it.
    let payload = if verb == "INFO" { payload } else { b"" };
    let answer = pass_on(state, &format!("STREAM.INFO.OBJ_{bucket}"), payload).await?;
    let mut info: Value =
        serde_json::from_slice(&answer).map_err(|error| CallError::unavailable(&error))?;
    if let Some(info) = info.as_object_mut()
        && verb == "CREATE"
    {
        info.insert("type".to_owned(), json!(format!("{KIND}.stream_create_response")));
    }
    // Client libraries use the name for their next calls, and the user may only use the one it knows.
    if let Some(config) = info.get_mut("config").and_then(Value::as_object_mut) {
        let subjects = ["C", "M"].map(|part| format!("$O.{FILES_BUCKET}.{part}.>"));
        config.insert("name".to_owned(), json!(FILES_STREAM));
        config.insert("subjects".to_owned(), json!(subjects));
    }
    Ok(info.to_string().into())
}

/// A call about one object, whose subject stands in the request.
struct ObjectCall {
    name: &'static str,
    /// The key of the subject in the request.
    key: &'static str,
    /// The part of the bucket: `M` for entries, `C` for bytes.
    part: &'static str,
    /// The characters of the object's name in the subject, besides letters and digits.
    others: &'static [u8],
}

const READ_ENTRY: ObjectCall =
    ObjectCall { name: "STREAM.MSG.GET", key: "last_by_subj", part: "M", others: b"-_=" };

/// Clients remove the bytes after an object was deleted or replaced.
const REMOVE_BYTES: ObjectCall =
    ObjectCall { name: "STREAM.PURGE", key: "filter", part: "C", others: b"" };

/// Passes a call on for the user's own bucket. The client names the bucket that it knows.
async fn on_object(
    state: &ServerState,
    company: Option<&CompanyId>,
    call: ObjectCall,
    payload: &[u8],
) -> Result<Vec<u8>, CallError> {
    let ObjectCall { name, key, part, others } = call;
    let wanted = serde_json::from_slice::<Value>(payload).ok();
    let known = format!("$O.{FILES_BUCKET}.{part}.");
    let object = wanted.as_ref().and_then(|it| it.get(key)?.as_str()?.strip_prefix(&known));
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
    let is_one = |object: &&str| !object.is_empty() && object.bytes().all(is_usual);
    let Some(object) = object.filter(is_one) else {
        return Err(CallError::forbidden("the call has to name one object of the bucket"));
    };
    let bucket = bucket_of(company);
    let wanted = json!({key: format!("$O.{bucket}.{part}.{object}")}).to_string();
    pass_on(state, &format!("{name}.OBJ_{bucket}"), wanted.as_bytes()).await
}

/// The bucket of a company's user, or that of the users of no company.
fn bucket_of(company: Option<&CompanyId>) -> String {
    company.map_or_else(|| FILES_BUCKET.to_owned(), names::files_bucket)
}

/// Creates a consumer of events if it is missing and the engine makes those of its name.
async fn make_consumer(
    state: &ServerState,
    own: Option<&CompanyId>,
    consumer: &str,
) -> Result<(), CallError> {
    let Some(filter) = filter_of(own, consumer)? else { return Ok(()) };
    let config = pull::Config {
        durable_name: Some(consumer.to_owned()),
        filter_subject: filter,
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(FOLLOW_ACK_SECONDS_MAX),
        // One at a time: a repeated event never comes after a later one.
        max_ack_pending: 1,
        ..pull::Config::default()
    };
    let context = jetstream::new(state.client.clone());
    let stream = match context.get_stream_no_info(EVENT_STREAM).await {
        Ok(stream) => stream,
        Err(error) => return Err(CallError::unavailable(&error)),
    };
    // Another engine may create it at the same moment, with the same settings.
    let made = stream.get_or_create_consumer(consumer, config).await;
    made.map(|_| ()).map_err(|error| CallError::unavailable(&error))
}

/// The events of a consumer that the engine makes. `None` for one that only its user can create.
fn filter_of(own: Option<&CompanyId>, consumer: &str) -> Result<Option<String>, CallError> {
    let audited = consumer.strip_suffix(&names::auditor(""));
    match (own, audited) {
        (Some(own), _) if audited.unwrap_or(consumer) == own.as_str() => {
            Ok(Some(names::event(own, "*")))
        }
        (Some(_), _) => Err(CallError::forbidden("no consumer of this company")),
        (None, Some("")) => Ok(Some(names::all_events())),
        (None, Some(name)) => Ok(name.parse().ok().map(|it: CompanyId| names::event(&it, "*"))),
        // Programs of the operator create consumers of any name, and first ask whether theirs is there.
        (None, None) => Ok(None),
    }
}

/// Refuses a push consumer: it would deliver to any subject of the engine's account.
fn check_consumer(payload: &[u8]) -> Result<(), CallError> {
    #[derive(Deserialize)]
    struct Wanted {
        stream_name: String,
        config: Config,
    }
    #[derive(Deserialize)]
    struct Config {
        #[serde(default)]
        deliver_subject: String,
    }
    let malformed = |_| CallError::forbidden("the consumer's settings are malformed");
    let wanted: Wanted = serde_json::from_slice(payload).map_err(malformed)?;
    // The server reads keys in any case, so a key in another case could hide from this check.
    let keys: Value = serde_json::from_slice(payload).map_err(malformed)?;
    let is_usual = |key: &String| key.bytes().all(|it| it.is_ascii_lowercase() || it == b'_');
    let all = [Some(&keys), keys.get("config")].into_iter().flatten().filter_map(Value::as_object);
    if !all.flat_map(|keys| keys.keys()).all(is_usual) {
        return Err(CallError::forbidden("the consumer's settings have an unknown key"));
    }
    if wanted.stream_name != EVENT_STREAM {
        return Err(CallError::forbidden("the consumer belongs to another stream"));
    }
    if !wanted.config.deliver_subject.is_empty() {
        return Err(CallError::forbidden(
            "only consumers from which events are fetched are permitted",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consumer_is_made_for_its_own_company_and_for_auditors() {
        let acme: CompanyId = "acme".parse().unwrap();
        let of = |own, name| filter_of(own, name).ok();
        let (events, all) = (names::event(&acme, "*"), names::all_events());
        assert_eq!(of(Some(&acme), "acme"), Some(Some(events.clone())));
        assert_eq!(of(Some(&acme), "acme_auditor"), Some(Some(events.clone())));
        for other in ["globex", "globex_auditor", "_auditor"] {
            assert_eq!(of(Some(&acme), other), None, "{other}");
        }
        assert_eq!(of(None, "_auditor"), Some(Some(all)));
        assert_eq!(of(None, "acme_auditor"), Some(Some(events)));
        assert_eq!(of(None, "reports"), Some(None));
    }

    #[test]
    fn consumer_that_delivers_by_itself_is_refused() {
        let wanted = |config: Value| {
            check_consumer(
                json!({"stream_name": EVENT_STREAM, "config": config}).to_string().as_bytes(),
            )
        };
        assert!(wanted(json!({"durable_name": "acme", "deliver_subject": ""})).is_ok());
        assert!(wanted(json!({"deliver_subject": "boarding.log.v1.acme"})).is_err());
        assert!(check_consumer(br#"{"stream_name":"BOARDING_LOG","config":{}}"#).is_err());
        assert!(wanted(json!({"Deliver_Subject": "boarding.log.v1.acme"})).is_err());
        let other =
            br#"{"stream_name":"BOARDING_EVENTS","config":{},"Config":{"deliver_subject":"x"}}"#;
        assert!(check_consumer(other).is_err());
        // A key given twice hides nothing.
        let twice =
            br#"{"stream_name":"BOARDING_EVENTS","config":{},"config":{"deliver_subject":"x"}}"#;
        assert!(check_consumer(twice).is_err());
    }
}
