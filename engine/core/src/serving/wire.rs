//! Encodes requests and responses as JSON or MessagePack.

use std::io::Cursor;

use boarding_commands::envelope::{Answer, RequestValue};
use boarding_commands::values::{Code, CommandId, Refusal};
use serde::{Deserialize as _, Serialize};
use serde_json::{Value, json};

use crate::limits::REQUEST_LEVELS_MAX;
use crate::queries::{JsonAnswer, QueryAnswer, QueryFailure};

const CSV: &str = "text/csv; charset=utf-8";

/// The encoding of a request and its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Json,
    MessagePack,
}

impl Encoding {
    /// The encoding that a header `Content-Type` names; JSON if there is none.
    ///
    /// # Errors
    /// `envelope.unsupported_content_type` with the supported ones.
    pub fn of(content_type: Option<&str>) -> Result<Self, Refusal> {
        let Some(named) = content_type else { return Ok(Self::Json) };
        let (kind, parameters) = named.split_once(';').unwrap_or((named, ""));
        let parameters = parameters.trim().to_ascii_lowercase();
        let is_plain = matches!(parameters.as_str(), "" | "charset=utf-8" | "charset=\"utf-8\"");
        match kind.trim().to_ascii_lowercase().as_str() {
            "" | "application/json" if is_plain => Ok(Self::Json),
            "application/msgpack" if is_plain => Ok(Self::MessagePack),
            _ => Err(Refusal::new(Code::EnvelopeUnsupportedContentType)
                .with(json!({"supported": ["application/json", "application/msgpack"]}))),
        }
    }

    /// The value of the header `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::MessagePack => "application/msgpack",
        }
    }

    /// Parses a payload.
    ///
    /// # Errors
    /// A refusal with this code. It never repeats the payload, since it may hold personal data.
    pub fn read(self, payload: &[u8], code: Code) -> Result<Value, Refusal> {
        let read = self.parse(payload).map_err(|why| Refusal::new(code).saying(&why))?;
        read.checked(code)
    }

    fn parse(self, payload: &[u8]) -> Result<RequestValue, String> {
        if payload.is_empty() {
            return Err("the payload is empty".to_owned());
        }
        match self {
            Self::Json => serde_json::from_slice(payload).map_err(|error| {
                let (line, column) = (error.line(), error.column());
                let what = if error.is_eof() { "ends too early" } else { "is wrong" };
                format!("the payload is not JSON: it {what} at line {line} column {column}")
            }),
            Self::MessagePack => read_message_pack(payload).ok_or_else(|| {
                format!(
                    "the payload is not one MessagePack value of maps with text keys, arrays, texts and \
                     numbers, at most {REQUEST_LEVELS_MAX} levels deep"
                )
            }),
        }
    }

    fn write(self, value: &impl Serialize) -> Vec<u8> {
        // Responses have texts, numbers, lists and maps with text keys, which can always be written.
        self.of_json(serde_json::to_string(value).unwrap_or_default())
    }

    /// JSON text in this encoding.
    fn of_json(self, text: String) -> Vec<u8> {
        match self {
            Self::Json => text.into_bytes(),
            Self::MessagePack => {
                let mut packed = Vec::with_capacity(text.len());
                let mut json = serde_json::Deserializer::from_str(&text);
                let mut out = rmp_serde::Serializer::new(&mut packed);
                // The text is our own, so it can always be read.
                if let Err(error) = serde_transcode::transcode(&mut json, &mut out) {
                    tracing::error!(%error, "a response cannot be written as MessagePack");
                    packed.clear();
                }
                packed
            }
        }
    }
}

fn read_message_pack(payload: &[u8]) -> Option<RequestValue> {
    let mut reader = rmp_serde::Deserializer::new(Cursor::new(payload));
    reader.set_max_depth(REQUEST_LEVELS_MAX);
    let value = RequestValue::deserialize(&mut reader).ok()?;
    let read = reader.into_inner().position();
    (usize::try_from(read) == Ok(payload.len())).then_some(value)
}

/// The command id, if it can be read: responses include it.
pub fn id_in(value: &Value) -> Option<CommandId> {
    value.get("id")?.as_str()?.parse().ok()
}

/// A response, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct WireResponse {
    pub body: Vec<u8>,
    pub content_type: &'static str,
    /// The code of a refusal or failure.
    pub code: Option<Code>,
}

impl WireResponse {
    /// The answer to a command.
    pub fn answer(encoding: Encoding, answer: &Answer) -> Self {
        let code = match answer {
            Answer::Accepted { .. } => None,
            Answer::Refused { code, .. } | Answer::Failed { code, .. } => Some(*code),
        };
        Self::document(encoding, answer, code)
    }

    /// The response to a query.
    pub fn of_query(encoding: Encoding, answered: Result<QueryAnswer, QueryFailure>) -> Self {
        match answered {
            Ok(QueryAnswer::Json(found)) => Self::found(encoding, found),
            Ok(QueryAnswer::Csv(body)) => Self { body, content_type: CSV, code: None },
            Err(no) => Self::no_answer(encoding, no),
        }
    }

    fn found(encoding: Encoding, found: JsonAnswer) -> Self {
        let body = encoding.of_json(found.into_text());
        Self { body, content_type: encoding.content_type(), code: None }
    }

    /// The refusal of a query, or of a command whose id may be unreadable.
    pub fn refused(encoding: Encoding, id: Option<CommandId>, refusal: Refusal) -> Self {
        let Refusal { code, message, details } = refusal;
        let document = json!({
            "outcome": "refused", "command": id, "code": code, "message": message, "details": details,
        });
        Self::document(encoding, &document, Some(code))
    }

    /// The response of another engine.
    pub fn relayed(encoding: Encoding, body: Vec<u8>) -> Self {
        let answer = encoding.read(&body, Code::Internal).unwrap_or_default();
        let code = answer.get("code").cloned().and_then(|code| serde_json::from_value(code).ok());
        Self { body, content_type: encoding.content_type(), code }
    }

    /// A failure that the client may retry.
    pub fn failed(encoding: Encoding, id: Option<CommandId>, code: Code, why: &str) -> Self {
        let message = format!("{} ({why})", code.text());
        let document = json!({
            "outcome": "failed", "command": id, "code": code, "message": message,
            "retry": code.is_temporary(),
        });
        Self::document(encoding, &document, Some(code))
    }

    /// The response to a query that was refused or failed.
    fn no_answer(encoding: Encoding, no: QueryFailure) -> Self {
        match no {
            QueryFailure::Refused(refusal) => Self::refused(encoding, None, refusal),
            QueryFailure::Failed { code, why } => Self::failed(encoding, None, code, &why),
        }
    }

    /// This response in another encoding. One that is not JSON stays as it is.
    #[must_use]
    pub fn from_json(self, encoding: Encoding) -> Self {
        let is_json = self.content_type == Encoding::Json.content_type();
        match (encoding, String::from_utf8(self.body)) {
            (Encoding::MessagePack, Ok(text)) if is_json => {
                let body = encoding.of_json(text);
                Self { body, content_type: encoding.content_type(), code: self.code }
            }
            (_, Ok(text)) => Self { body: text.into_bytes(), ..self },
            (_, Err(error)) => Self { body: error.into_bytes(), ..self },
        }
    }

    fn document(encoding: Encoding, document: &impl Serialize, code: Option<Code>) -> Self {
        Self { body: encoding.write(document), content_type: encoding.content_type(), code }
    }

    /// The command's id, if it could be read, and the message of a refusal or failure.
    pub fn refusal(&self) -> (Option<CommandId>, String) {
        let packed = self.content_type == Encoding::MessagePack.content_type();
        let encoding = if packed { Encoding::MessagePack } else { Encoding::Json };
        let document = encoding.read(&self.body, Code::Internal).unwrap_or_default();
        let id = document.get("command").and_then(Value::as_str).and_then(|id| id.parse().ok());
        let message = document.get("message").and_then(Value::as_str).unwrap_or_default();
        (id, message.to_owned())
    }

    /// Whether the request could not be read.
    pub fn is_malformed(&self) -> bool {
        matches!(
            self.code,
            Some(
                Code::EnvelopeMalformed
                    | Code::EnvelopeUnsupportedVersion
                    | Code::EnvelopeUnsupportedContentType
            )
        )
    }

    /// Whether the client should retry.
    pub fn may_be_retried(&self) -> bool {
        matches!(
            self.code,
            Some(Code::Overloaded | Code::Unavailable | Code::Internal | Code::NotYetVisible)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saying(content_type: &str) -> Result<Encoding, Code> {
        Encoding::of(Some(content_type)).map_err(|refusal| refusal.code)
    }

    #[test]
    fn json_is_meant_unless_the_header_says_otherwise() {
        assert_eq!(Encoding::of(None), Ok(Encoding::Json));
        assert_eq!(saying("Application/JSON; charset=UTF-8"), Ok(Encoding::Json));
        assert_eq!(saying("application/msgpack"), Ok(Encoding::MessagePack));
        for other in ["text/plain", "application/json; charset=latin1", "msgpack"] {
            assert_eq!(saying(other), Err(Code::EnvelopeUnsupportedContentType), "{other}");
        }
    }

    #[test]
    fn both_encodings_give_back_what_was_written() {
        let value = json!({"id": "x", "n": [1, -2, 3.5, null, true], "nested": {"a": {}}});
        for encoding in [Encoding::Json, Encoding::MessagePack] {
            assert_eq!(encoding.read(&encoding.write(&value), Code::Internal).unwrap(), value);
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_never_repeated() {
        let deep = [vec![0x91; 100_000], vec![0xc0]].concat();
        let cut = &rmp_serde::to_vec_named(&json!({"phone": "+84923448071"})).unwrap()[..12];
        let twice = [0xc0, 0xc0];
        let number_key = [0x81, 0xce, 0x05, 0x79, 0x12, 0x07, 0xc0];
        for bad in [&deep[..], cut, &twice, &number_key, &[0xc1], &[0xdd, 0xff, 0xff, 0xff, 0xff]] {
            let why = Encoding::MessagePack.read(bad, Code::EnvelopeMalformed).unwrap_err().message;
            assert!(!why.contains("8071"), "{why}");
        }
        let deep = "[".repeat(100_000);
        for bad in [deep.as_bytes(), b"", b"{", b"\xff\xfe", b"{\"phone\":+84923448071}", b"1 2"] {
            let why = Encoding::Json.read(bad, Code::EnvelopeMalformed).unwrap_err().message;
            assert!(!why.contains("84923448071"), "{why}");
        }
    }

    /// A key that is given twice is refused in both encodings, and a number that is not finite.
    #[test]
    fn key_that_is_given_twice_is_refused_by_name() {
        let json = br#"{"id": "x", "body": {"user": "ann", "user": "bob"}}"#;
        // {"id": "x", "body": {"user": "a", "user": "b"}}
        let packed = b"\x82\xa2id\xa1x\xa4body\x82\xa4user\xa1a\xa4user\xa1b";
        let nan = [b"\x81\xa1n\xcb".as_slice(), &f64::NAN.to_be_bytes()].concat();
        for (encoding, payload, field) in [
            (Encoding::Json, json.as_slice(), "body.user"),
            (Encoding::MessagePack, packed, "body.user"),
            (Encoding::MessagePack, b"\x82\xa2id\xa1x\xa2id\xa1x", "id"),
            (Encoding::MessagePack, &nan, "n"),
        ] {
            let refusal = encoding.read(payload, Code::EnvelopeMalformed).unwrap_err();
            assert_eq!(refusal.code, Code::EnvelopeMalformed);
            assert_eq!(refusal.details["field"], field);
        }
    }
}
