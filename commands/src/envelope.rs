//! The envelope of a command, and its answer.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};
use ulid::Ulid;

use crate::schema::AnyId;
use crate::values::{Code, CommandId, Refusal, Time, TokenId, is_traceparent, read_ulid};

mod malformed;
mod request_value;

pub(crate) use malformed::read;
pub use request_value::RequestValue;

/// A command as it is sent: who asks what, under which id. Unknown keys are refused, never ignored.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The idempotency key, for as long as the log lasts.
    pub id: CommandId,
    pub actor: Option<String>,
    /// The user that the NATS server has authenticated. The front door sets it; no caller can send it.
    #[serde(skip)]
    pub authenticated: Option<String>,
    /// The access token of a command over HTTP. The HTTP server sets it; no caller can send it.
    #[serde(skip)]
    pub token: Option<TokenId>,
    pub issued_at: Option<Time>,
    #[serde(default, deserialize_with = "optional_ulid")]
    #[schemars(with = "Option<AnyId>")]
    pub correlation: Option<Ulid>,
    pub expected_version: Option<u64>,
    pub traceparent: Option<String>,
    /// The version of the contract, if given: 1.
    #[schemars(extend("enum" = [API_VERSION, null]))]
    pub api_version: Option<u16>,
    #[serde(default)]
    pub body: Value,
}

fn optional_ulid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Ulid>, D::Error> {
    #[derive(Deserialize)]
    struct Id(#[serde(deserialize_with = "read_ulid")] Ulid);
    Ok(<Option<Id>>::deserialize(deserializer)?.map(|Id(id)| id))
}

/// The version of the contract that is served.
pub const API_VERSION: u16 = 1;

impl Envelope {
    /// A command that says nothing of itself but its id and its body.
    pub fn of(id: CommandId, body: Value) -> Self {
        Self {
            id,
            actor: None,
            authenticated: None,
            token: None,
            issued_at: None,
            correlation: None,
            expected_version: None,
            traceparent: None,
            api_version: None,
            body,
        }
    }

    /// Reads an envelope.
    ///
    /// # Errors
    /// `envelope.malformed`, naming the key; `envelope.unsupported_version`.
    pub fn read(value: Value) -> Result<Self, Refusal> {
        let envelope: Self = read(value)?;
        if envelope.traceparent.as_deref().is_some_and(|trace| !is_traceparent(trace)) {
            let words =
                "traceparent: expected version, trace id, parent id and flags of W3C Trace Context";
            let refusal = Refusal::new(Code::EnvelopeMalformed).saying(words);
            return Err(refusal.with(json!({"field": "traceparent"})));
        }
        match envelope.api_version {
            Some(asked) if asked != API_VERSION => {
                let details = json!({"supported": [API_VERSION], "asked": asked});
                Err(Refusal::new(Code::EnvelopeUnsupportedVersion).with(details))
            }
            _ => Ok(envelope),
        }
    }
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Answer {
    /// The events are durable.
    Accepted {
        command: CommandId,
        /// Whether it was accepted before, and this is the first answer again.
        duplicate: bool,
        /// The company's version after it.
        version: u64,
        /// The position of its last event in the log.
        position: u64,
        #[schemars(with = "Map<String, Value>")]
        result: Value,
    },
    /// A rule is broken; asking again changes nothing.
    Refused {
        command: CommandId,
        code: Code,
        /// What it means and what to do, for a person.
        message: String,
        /// The numbers and names behind it.
        #[schemars(with = "Option<Map<String, Value>>")]
        details: Value,
    },
    /// The same command may be sent again, if `retry` is true.
    Failed { command: CommandId, code: Code, message: String, retry: bool },
}

impl Answer {
    pub fn refused(command: CommandId, refusal: Refusal) -> Self {
        Self::Refused {
            command,
            code: refusal.code,
            message: refusal.message,
            details: refusal.details,
        }
    }

    pub fn failed(command: CommandId, code: Code, why: &str) -> Self {
        let message = format!("{} ({why})", code.text());
        Self::Failed { command, code, message, retry: code.is_temporary() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(extra: &Value) -> Value {
        let mut all =
            json!({"id": "01JD0000000000000000000000", "actor": "jane@acme.example", "body": {}});
        all.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        all
    }

    /// LX-04: another version of the contract is rejected, and the answer names the supported one.
    #[test]
    fn other_version_is_rejected() {
        assert!(Envelope::read(envelope(&json!({"api_version": 1}))).is_ok());
        for version in [0, 2] {
            let refusal = Envelope::read(envelope(&json!({"api_version": version}))).unwrap_err();
            assert_eq!(refusal.code, Code::EnvelopeUnsupportedVersion);
            assert_eq!(refusal.details["supported"], json!([1]));
        }
    }

    #[test]
    fn correlation_and_trace_have_their_form() {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for (key, value, fits) in [
            ("traceparent", json!(trace), true),
            ("traceparent", json!(null), true),
            ("traceparent", json!("x"), false),
            ("correlation", json!(null), true),
            ("correlation", json!("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"), true),
            ("correlation", json!("80000000000000000000000000"), false),
            ("id", json!("80000000000000000000000000"), false),
            ("authenticated", json!("operator"), false),
        ] {
            let read = Envelope::read(envelope(&json!({ key: value })));
            assert_eq!(read.is_ok(), fits, "{key}: {value}");
            if let Err(refusal) = read {
                assert_eq!(refusal.details["field"], key);
            }
        }
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let refusal = Envelope::read(envelope(&json!({"compnay": "acme"}))).unwrap_err();
        assert_eq!(refusal.code, Code::EnvelopeMalformed);
        assert!(refusal.message.contains("compnay"), "{refusal}");
    }
}
