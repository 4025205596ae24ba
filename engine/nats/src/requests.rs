//! Turns one request into one response. Malformed input is refused and never panics.

use async_nats::HeaderMap;
use boarding_commands::decide::Authority;
use boarding_commands::envelope::Envelope;
use boarding_commands::values::{
    Code, CommandId, CompanyId, Refusal, TokenId, check_actor, is_traceparent,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::names::RequestSubject;
use super::wire::{encoding, header};
use crate::limits::{ANSWER_HEADER_BYTES, NATS_SUMMARY_BYTES_MAX};
use boarding_core::engine::Engine;
use boarding_core::queries::QueryCaller;
use boarding_core::serving::admission::{Admission, Place};
use boarding_core::serving::wire::{Encoding, WireResponse, id_in};
use boarding_core::serving::{self, AskedQuery};

/// A message with a command or a query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) subject: &'a str,
    pub(super) headers: Option<&'a HeaderMap>,
    pub(super) payload: &'a [u8],
    /// The user that the server has authenticated; none where the set-up cannot tell.
    pub(super) user: Option<&'a str>,
    /// Whether another engine forwarded it.
    pub(super) forwarded: bool,
    /// The access token of a command over HTTP.
    pub(super) token: Option<TokenId>,
}

/// The parts of a request that can be read cheaply, before it is accepted.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestSummary {
    pub(super) encoding: Encoding,
    pub(super) id: Option<CommandId>,
}

/// The company and the name of the command or query, from the subject.
struct RequestTarget<'a> {
    company: Result<CompanyId, Refusal>,
    name: &'a str,
}

impl<'a> Request<'a> {
    /// What the subject says; the parts may be malformed.
    pub(super) fn subject_parts(&self) -> RequestSubject<'a> {
        RequestSubject::read(self.subject)
    }

    fn target(&self) -> RequestTarget<'a> {
        let RequestSubject { company, name, .. } = self.subject_parts();
        let company = company.parse().map_err(|error| {
            Refusal::new(Code::EnvelopeMalformed)
                .saying(&format!("the company in the subject: {error}"))
        });
        RequestTarget { company, name }
    }

    /// The actor that a command names, if the payload can be read.
    pub(super) fn actor(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Named {
            actor: String,
        }
        let named = match encoding(self.headers).ok()? {
            Encoding::Json => serde_json::from_slice::<Named>(self.payload).ok(),
            Encoding::MessagePack => rmp_serde::from_slice::<Named>(self.payload).ok(),
        };
        named.map(|named| named.actor)
    }

    /// Reads what a response needs, without parsing the whole request.
    pub(super) fn summary(&self) -> RequestSummary {
        /// The only key that a response repeats.
        #[derive(Deserialize)]
        struct Id {
            id: CommandId,
        }
        let encoding = encoding(self.headers).unwrap_or(Encoding::Json);
        let small = Some(self.payload).filter(|payload| payload.len() <= NATS_SUMMARY_BYTES_MAX);
        let id = small.and_then(|payload| match encoding {
            Encoding::Json => serde_json::from_slice::<Id>(payload).ok(),
            Encoding::MessagePack => rmp_serde::from_slice::<Id>(payload).ok(),
        });
        RequestSummary { encoding, id: id.map(|read| read.id) }
    }
}

/// Executes a command. It returns `accepted` only after its events are durable.
pub(super) async fn command(engine: &Engine, request: Request<'_>) -> WireResponse {
    let encoding = match encoding(request.headers) {
        Ok(encoding) => encoding,
        Err(refusal) => return WireResponse::refused(Encoding::Json, None, refusal),
    };
    let value = match encoding.read(request.payload, Code::EnvelopeMalformed) {
        Ok(value) => value,
        Err(refusal) => return WireResponse::refused(encoding, request.summary().id, refusal),
    };
    let id = id_in(&value);
    let RequestTarget { company, name } = request.target();
    let read = company.and_then(|company| Ok((company, envelope(value, request)?)));
    match read {
        Ok((company, envelope)) => {
            // The future is large, so it lives on the heap and not on the stack of the task.
            let authority = match request.token {
                Some(_) => Authority::TokenOwner,
                None => Authority::Granted,
            };
            let answer = Box::pin(engine.submit(&company, name, envelope, authority)).await;
            WireResponse::answer(encoding, &answer)
        }
        Err(refusal) => WireResponse::refused(encoding, id, refusal),
    }
}

/// Parses the envelope and adds the user, and the trace from the headers. On NATS an actor is required.
fn envelope(value: Value, request: Request<'_>) -> Result<Envelope, Refusal> {
    let mut envelope = Envelope::read(value)?;
    envelope.authenticated = request.user.map(str::to_owned);
    envelope.token = request.token;
    if envelope.actor.as_ref().is_none_or(|actor| actor.trim().is_empty()) {
        let refusal = Refusal::new(Code::EnvelopeMalformed).saying("actor: is required");
        return Err(refusal.with(json!({"key": "actor"})));
    }
    if envelope.traceparent.is_none() {
        // The standard says to ignore a header of another form.
        let sent = header(request.headers, "traceparent").filter(|text| is_traceparent(text));
        envelope.traceparent = sent.map(str::to_owned);
    }
    Ok(envelope)
}

/// Answers a query with a response of at most `max_bytes`. While it waits for its position, the query gives its place
/// to others.
pub(super) async fn query(
    engine: &Engine,
    request: Request<'_>,
    max_bytes: usize,
    admission: &Admission,
    place: Place,
) -> WireResponse {
    let encoding = match encoding(request.headers) {
        Ok(encoding) => encoding,
        Err(refusal) => return WireResponse::refused(Encoding::Json, None, refusal),
    };
    let RequestTarget { company, name } = request.target();
    let asked = company.and_then(|company| Ok((company, parameters(encoding, request.payload)?)));
    let (company, params, actor) = match asked {
        Ok((company, (params, actor))) => (company, params, actor),
        Err(refusal) => return WireResponse::refused(encoding, None, refusal),
    };
    let authenticated = request.user.map(str::to_owned);
    let asker = QueryCaller { actor, authenticated, authority: Authority::Granted };
    let asked = AskedQuery { company, name, params };
    let answering = serving::answer(engine, asked, &asker, admission, place);
    let response = WireResponse::of_query(encoding, Box::pin(answering).await);
    let (limit, actual) = (max_bytes.saturating_sub(ANSWER_HEADER_BYTES), response.body.len());
    if actual <= limit {
        return response;
    }
    let advice = "lower limit and follow next; for CSV of any size, page through the rows instead";
    let details = json!({"limit_bytes": limit, "actual_bytes": actual});
    let refusal = Refusal::new(Code::QueryTooLarge).saying(advice).with(details);
    WireResponse::refused(encoding, None, refusal)
}

/// The parameters of a query and its actor, empty if none is named. An empty payload means no parameters.
fn parameters(encoding: Encoding, payload: &[u8]) -> Result<(Map<String, Value>, String), Refusal> {
    let malformed = |why: &str| Refusal::new(Code::QueryMalformed).saying(why);
    let read = match payload {
        [] => Value::Null,
        payload => encoding.read(payload, Code::QueryMalformed)?,
    };
    let mut params = match read {
        Value::Null => Map::new(),
        Value::Object(params) => params,
        _ => return Err(malformed("expected parameters by name")),
    };
    let actor = match params.remove("actor") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(actor)) if actor.is_empty() => actor,
        Some(Value::String(actor)) => {
            check_actor(&actor).map_err(of_query)?;
            actor
        }
        Some(_) => {
            let details = json!({"parameter": "actor"});
            return Err(malformed("actor: expected a text").with(details));
        }
    };
    Ok((params, actor))
}

/// A refusal of the actor, as a query has it.
fn of_query(refusal: Refusal) -> Refusal {
    match refusal.code {
        Code::EnvelopeMalformed => {
            Refusal { code: Code::QueryMalformed, ..refusal }.with(json!({"parameter": "actor"}))
        }
        _ => refusal,
    }
}

/// The response after a panic.
pub(super) fn broken(summary: RequestSummary) -> WireResponse {
    WireResponse::failed(summary.encoding, summary.id, Code::Internal, "see the engine's log")
}

/// Where an answer may be sent: not to where the engine itself or the server is listened to, since an
/// asker could make the engine say there what the asker may not.
pub(super) fn may_answer(subject: &str) -> bool {
    let inside =
        subject.starts_with('$') || subject == "boarding" || subject.starts_with("boarding.");
    let plain = |token: &str| !token.is_empty() && token != "*" && token != ">";
    !inside
        && subject.split('.').all(plain)
        && !subject.chars().any(|c| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reply_subject_of_engine_or_server_is_rejected() {
        assert!(may_answer("_INBOX.publisher.abc.1"));
        assert!(may_answer("answers.for.me"));
        for subject in [
            "boarding.log.v1.acme",
            "boarding.v1.acme.event.RunStarted",
            "boarding",
            "$JS.API.STREAM.DELETE.BOARDING_LOG",
            "a.*",
            "a.>",
            "a..b",
            "",
            "a b",
            "a\r\nPUB x",
        ] {
            assert!(!may_answer(subject), "{subject}");
        }
    }

    #[test]
    fn the_subject_names_company_and_command() {
        let target = |subject| {
            Request {
                subject,
                headers: None,
                payload: &[],
                user: None,
                forwarded: false,
                token: None,
            }
            .target()
        };
        let good = target("boarding.v1.acme.command.AddUser");
        assert_eq!((good.company.unwrap().as_str(), good.name), ("acme", "AddUser"));
        assert!(target("boarding.v1.Acme.command.AddUser").company.is_err());
        assert!(target("boarding.v1").company.is_err());
    }

    #[test]
    fn a_glance_finds_the_id_in_both_encodings() {
        let value = json!({"id": "01JD0000000000000000000000", "body": {"x": [1, 2]}});
        let mut headers = HeaderMap::new();
        headers.insert("Content-Type", "application/msgpack");
        let packed = rmp_serde::to_vec_named(&value).unwrap();
        let json = value.to_string();
        for (headers, payload) in [(None, json.as_bytes()), (Some(&headers), &packed)] {
            let summary = Request {
                subject: "",
                headers,
                payload,
                user: None,
                forwarded: false,
                token: None,
            }
            .summary();
            assert_eq!(summary.id, Some("01JD0000000000000000000000".parse().unwrap()));
        }
    }
}
