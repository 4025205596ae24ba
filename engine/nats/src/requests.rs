//! One request: its subject, its headers and its payload in, its answer out. Nothing that is sent can do
//! more than be refused.

use async_nats::HeaderMap;
use boarding_commands::decide::Authority;
use boarding_commands::envelope::Envelope;
use boarding_commands::values::{Code, CommandId, CompanyId, Refusal};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::names::ROOT;
use super::wire::{Encoding, Told, header, id_in};
use crate::limits::{ANSWER_HEADER_BYTES, NATS_GLANCE_BYTES_MAX};
use boarding_core::engine::Engine;
use boarding_core::read::queries::{Answer, Asker};

/// A message that asks for something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) subject: &'a str,
    pub(super) headers: Option<&'a HeaderMap>,
    pub(super) payload: &'a [u8],
    /// Whether another engine has handed it on to this one.
    pub(super) handed_on: bool,
}

/// What can be known of a request before any work is done for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glance {
    pub(super) encoding: Encoding,
    pub(super) id: Option<CommandId>,
}

/// A company and what is asked of it, as the subject names them.
struct Named<'a> {
    company: Result<CompanyId, Refusal>,
    name: &'a str,
}

impl<'a> Request<'a> {
    /// The subject's words: `boarding.v1.<company>.<kind>.<name>`, from the company on.
    fn words(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.subject.strip_prefix(ROOT).unwrap_or_default().split('.').skip(1)
    }

    /// The company as the subject names it, whether it can be one or not.
    pub(super) fn company(&self) -> &'a str {
        self.words().next().unwrap_or_default()
    }

    fn named(&self) -> Named<'a> {
        let name = self.words().nth(2).unwrap_or_default();
        let company = self.company().parse().map_err(|error| {
            Refusal::new(Code::EnvelopeMalformed)
                .saying(&format!("the company in the subject: {error}"))
        });
        Named { company, name }
    }

    /// How to answer without having read the request.
    pub(super) fn glance(&self) -> Glance {
        /// The one key that an answer names.
        #[derive(Deserialize)]
        struct Id {
            id: CommandId,
        }
        let encoding = Encoding::of(self.headers).unwrap_or(Encoding::Json);
        let small = Some(self.payload).filter(|payload| payload.len() <= NATS_GLANCE_BYTES_MAX);
        let id = small.and_then(|payload| match encoding {
            Encoding::Json => serde_json::from_slice::<Id>(payload).ok(),
            Encoding::MessagePack => rmp_serde::from_slice::<Id>(payload).ok(),
        });
        Glance { encoding, id: id.map(|read| read.id) }
    }
}

/// Does what a command asks. An accepted answer is given when it is durable.
pub(super) async fn command(engine: &Engine, request: Request<'_>) -> Told {
    let encoding = match Encoding::of(request.headers) {
        Ok(encoding) => encoding,
        Err(refusal) => return Told::refused(Encoding::Json, None, refusal),
    };
    let malformed = |why: &str| Refusal::new(Code::EnvelopeMalformed).saying(why);
    let value = match encoding.read(request.payload) {
        Ok(value) => value,
        Err(why) => return Told::refused(encoding, None, malformed(&why)),
    };
    let id = id_in(&value);
    let Named { company, name } = request.named();
    let read = company.and_then(|company| Ok((company, envelope(value, request.headers)?)));
    match read {
        Ok((company, envelope)) => {
            // What a command takes to be decided is not for this task's stack.
            let answer =
                Box::pin(engine.submit(&company, name, envelope, Authority::Granted)).await;
            Told::answer(encoding, &answer)
        }
        Err(refusal) => Told::refused(encoding, id, refusal),
    }
}

/// The envelope, with what only headers say; here somebody has to be named.
fn envelope(value: Value, headers: Option<&HeaderMap>) -> Result<Envelope, Refusal> {
    let mut envelope = Envelope::read(value)?;
    if envelope.actor.as_ref().is_none_or(|actor| actor.trim().is_empty()) {
        let refusal = Refusal::new(Code::EnvelopeMalformed).saying("actor: is required");
        return Err(refusal.with(json!({"key": "actor"})));
    }
    if envelope.traceparent.is_none() {
        let sent = header(headers, "traceparent").filter(|text| is_traceparent(text));
        envelope.traceparent = sent.map(str::to_owned);
    }
    Ok(envelope)
}

/// W3C Trace Context: what is not of this form is to be ignored.
fn is_traceparent(text: &str) -> bool {
    let lengths = [2, 32, 16, 2];
    let is_hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let parts: Vec<_> = text.split('-').collect();
    parts.len() == lengths.len()
        && parts.iter().zip(lengths).all(|(part, length)| part.len() == length && is_hex(part))
}

/// Answers a query, in at most so many bytes.
pub(super) async fn query(engine: &Engine, request: Request<'_>, max_bytes: usize) -> Told {
    let encoding = match Encoding::of(request.headers) {
        Ok(encoding) => encoding,
        Err(refusal) => return Told::refused(Encoding::Json, None, refusal),
    };
    let Named { company, name } = request.named();
    let asked = company.and_then(|company| Ok((company, parameters(encoding, request.payload)?)));
    let (company, params, asker) = match asked {
        Ok((company, (params, asker))) => (company, params, asker),
        Err(refusal) => return Told::refused(encoding, None, refusal),
    };
    let told = match Box::pin(engine.query(&company, name, params, &asker)).await {
        Ok(Answer::Json(found)) => Told::found(encoding, &found),
        Ok(Answer::Csv(bytes)) => Told::csv(bytes),
        Err(no) => Told::no_answer(encoding, no),
    };
    let (limit, actual) = (max_bytes.saturating_sub(ANSWER_HEADER_BYTES), told.body.len());
    if actual <= limit {
        return told;
    }
    let advice = "lower limit and follow next; for CSV of any size, page through the rows instead";
    let details = json!({"limit_bytes": limit, "actual_bytes": actual});
    let refusal = Refusal::new(Code::QueryTooLarge).saying(advice).with(details);
    Told::refused(encoding, None, refusal)
}

/// The parameters, and among them who asks; nothing is sent where nothing is meant.
fn parameters(encoding: Encoding, payload: &[u8]) -> Result<(Map<String, Value>, Asker), Refusal> {
    let malformed = |why: &str| Refusal::new(Code::QueryMalformed).saying(why);
    let read = match payload {
        [] => Value::Null,
        payload => encoding.read(payload).map_err(|why| malformed(&why))?,
    };
    let mut params = match read {
        Value::Null => Map::new(),
        Value::Object(params) => params,
        _ => return Err(malformed("expected parameters by name")),
    };
    let actor = match params.remove("actor") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(actor)) => actor,
        Some(_) => {
            let details = json!({"parameter": "actor"});
            return Err(malformed("actor: expected a text").with(details));
        }
    };
    Ok((params, Asker { actor, authority: Authority::Granted }))
}

/// What is told when the work came to an unforeseen end.
pub(super) fn broken(glance: Glance) -> Told {
    Told::failed(glance.encoding, glance.id, Code::Internal, "see the engine's log")
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
    fn an_answer_goes_to_no_subject_of_the_engine_or_the_server() {
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
    fn a_traceparent_of_another_form_is_ignored() {
        assert!(is_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        assert!(!is_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"));
        assert!(!is_traceparent("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"));
        assert!(!is_traceparent("x"));
    }

    #[test]
    fn the_subject_names_company_and_command() {
        let named =
            |subject| Request { subject, headers: None, payload: &[], handed_on: false }.named();
        let good = named("boarding.v1.acme.command.AddUser");
        assert_eq!((good.company.unwrap().as_str(), good.name), ("acme", "AddUser"));
        assert!(named("boarding.v1.Acme.command.AddUser").company.is_err());
        assert!(named("boarding.v1").company.is_err());
    }

    #[test]
    fn a_glance_finds_the_id_in_both_encodings() {
        let value = json!({"id": "01JD0000000000000000000000", "body": {"x": [1, 2]}});
        let mut headers = HeaderMap::new();
        headers.insert("Content-Type", "application/msgpack");
        let packed = rmp_serde::to_vec_named(&value).unwrap();
        let json = value.to_string();
        for (headers, payload) in [(None, json.as_bytes()), (Some(&headers), &packed)] {
            let glance = Request { subject: "", headers, payload, handed_on: false }.glance();
            assert_eq!(glance.id, Some("01JD0000000000000000000000".parse().unwrap()));
        }
    }
}
