//! The message of an event: the row of the query `history` with CloudEvents headers.

use async_nats::HeaderMap;
use async_nats::header::HeaderValue;
use boarding_commands::commit::RecordedEvent;
use boarding_projections::history::{self, Entity};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::names;

/// The headers of an event, with their names on the wire. They include those of CloudEvents 1.0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headers {
    /// `<company>-<version>`: the event's id. A message that is published again has the same id.
    #[serde(rename = "Nats-Msg-Id")]
    pub message_id: String,
    #[serde(rename = "ce-specversion")]
    pub spec_version: String,
    /// The event's id, as in `message_id`.
    #[serde(rename = "ce-id")]
    pub id: String,
    /// `boarding.v1.<EventName>`.
    #[serde(rename = "ce-type")]
    pub kind: String,
    /// `/companies/<company>`.
    #[serde(rename = "ce-source")]
    pub source: String,
    /// When the command was accepted, RFC 3339.
    #[serde(rename = "ce-time")]
    pub time: String,
    /// `run:<id>` or `import:<id>`, as the parameter `entity` of the query `history`. An event that is only about a
    /// person has none, because headers hold no personal data.
    #[serde(rename = "ce-subject", default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The path of the whole event, if the event is too large for a message. Then `data` is null.
    #[serde(rename = "ce-dataref", default, skip_serializing_if = "Option::is_none")]
    pub data_ref: Option<String>,
    /// The trace of the command, if the client sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    #[serde(rename = "Content-Type")]
    pub content_type: String,
    /// The event's position in the whole log, in decimal digits.
    #[serde(rename = "Boarding-Position")]
    pub position: String,
    /// The company's version after the event, in decimal digits.
    #[serde(rename = "Boarding-Version")]
    pub version: String,
}

/// The prefix of the CloudEvents source.
const SOURCE: &str = "/companies/";

/// The longest traceparent, in characters: W3C defines 55, later versions may be longer.
const TRACEPARENT_CHARS_MAX: usize = 128;

/// The most bytes of the headers that publishing adds: `NATS/1.0`, those of a batch, and the expected sequence.
const FRAMING_BYTES: usize = 256;

/// An event ready to be published.
#[derive(Debug, Clone)]
pub struct EventMessage {
    pub position: u64,
    pub subject: String,
    pub headers: HeaderMap,
    pub payload: Vec<u8>,
    /// The size on the wire, in bytes.
    pub bytes: usize,
}

impl EventMessage {
    /// The message of an event, of at most `max_bytes`. If the event does not fit, the message has a link to it.
    pub fn of(recorded: &RecordedEvent<'_>, max_bytes: usize) -> Self {
        let company = &recorded.commit.company;
        let mut headers = Headers::of(recorded);
        let mut row = history::event_json(recorded);
        let mut payload = row.to_string().into_bytes();
        let mut map = headers.to_map();
        if payload.len() + header_bytes(&map) + FRAMING_BYTES > max_bytes {
            if let Some(data) = row.get_mut("data") {
                *data = Value::Null;
            }
            let version = recorded.version;
            headers.data_ref = Some(format!("/v1/{company}/history?cursor={version}&limit=1"));
            payload = row.to_string().into_bytes();
            map = headers.to_map();
        }
        let subject = names::event(company, recorded.event.name());
        let bytes = payload.len() + header_bytes(&map) + FRAMING_BYTES;
        Self { position: recorded.position, subject, headers: map, payload, bytes }
    }
}

fn header_bytes(headers: &HeaderMap) -> usize {
    let line = |name: usize, value: &HeaderValue| name + value.as_str().len() + ": \r\n".len();
    let each = headers.iter().map(|(name, values)| {
        values.iter().map(|value| line(AsRef::<str>::as_ref(name).len(), value)).sum::<usize>()
    });
    each.sum()
}

impl Headers {
    fn of(recorded: &RecordedEvent<'_>) -> Self {
        let company = &recorded.commit.company;
        let id = format!("{company}-{}", recorded.version);
        let trace = recorded.commit.traceparent.clone();
        // The trace comes from a client, so only short, printable text becomes a header.
        let is_safe = |text: &String| {
            text.len() <= TRACEPARENT_CHARS_MAX && text.bytes().all(|b| b.is_ascii_graphic())
        };
        Self {
            message_id: id.clone(),
            spec_version: "1.0".to_owned(),
            id,
            kind: format!("{}.{}", names::ROOT, recorded.event.name()),
            source: format!("{SOURCE}{company}"),
            time: recorded.commit.at.to_string(),
            subject: Entity::of_process(recorded.event).map(|entity| entity.to_string()),
            data_ref: None,
            traceparent: trace.filter(is_safe),
            content_type: "application/json".to_owned(),
            position: recorded.position.to_string(),
            version: recorded.version.to_string(),
        }
    }

    fn to_map(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        let Ok(Value::Object(fields)) = serde_json::to_value(self) else { return map };
        for (name, value) in fields {
            // Values with line breaks do not parse, so they cannot inject further headers.
            if let Some(Ok(value)) = value.as_str().map(str::parse::<HeaderValue>) {
                map.insert(name, value);
            }
        }
        map
    }

    /// Parses the headers of a message; `None` if they are not those of an event.
    pub fn read(map: &HeaderMap) -> Option<Self> {
        let text = |values: &[HeaderValue]| values.first().map(|value| json!(value.as_str()));
        let fields =
            map.iter().filter_map(|(name, values)| Some((name.to_string(), text(values)?)));
        serde_json::from_value(Value::Object(fields.collect())).ok()
    }

    /// The company of the event.
    pub fn company(&self) -> Option<&str> {
        self.source.strip_prefix(SOURCE)
    }
}

#[cfg(test)]
mod tests {
    use boarding_commands::commit::RecordedCommit;
    use boarding_commands::event::{Event, MailKind};
    use boarding_commands::values::Digest;

    use super::*;
    use boarding_log::contract::sample;

    fn recorded(change: impl FnOnce(&mut RecordedCommit)) -> RecordedCommit {
        let company = "acme".parse().unwrap();
        let commit = sample::commit(&company, 7, Digest([9; 32]), 2);
        let mut recorded = RecordedCommit { position: 40, hash: Digest([1; 32]), commit };
        change(&mut recorded);
        recorded
    }

    #[test]
    fn headers_survive_a_round_trip() {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let recorded = recorded(|it| it.commit.traceparent = Some(trace.to_owned()));
        let recorded = recorded.events().nth(1).unwrap();
        let headers = Headers::of(&recorded);
        assert_eq!((headers.id.as_str(), headers.position.as_str()), ("acme-8", "41"));
        assert_eq!(headers.traceparent.as_deref(), Some(trace));
        assert_eq!(headers.company(), Some("acme"));
        assert_eq!(Headers::read(&headers.to_map()), Some(headers));
    }

    /// A trace from a client cannot inject headers.
    #[test]
    fn an_unsafe_trace_is_left_out() {
        for evil in ["a\r\nNats-Msg-Id: x", "a\nb", "a b", "ü", &"x".repeat(999)] {
            let recorded = recorded(|it| it.commit.traceparent = Some(evil.to_owned()));
            let headers = Headers::of(&recorded.events().next().unwrap());
            assert_eq!(headers.traceparent, None, "{evil:?}");
        }
    }

    /// A control character needs six bytes in JSON, so a valid event can exceed the largest message.
    #[test]
    fn a_too_large_event_is_linked_instead_of_sent() {
        let evil = "\u{1}".repeat(100_000);
        let recorded = recorded(|it| {
            it.commit.events = vec![Event::TemplateSet {
                kind: MailKind::Welcome,
                language: "en".to_owned(),
                subject: String::new(),
                text: evil.clone(),
                html: evil,
            }];
        });
        let recorded = recorded.events().next().unwrap();
        let whole = EventMessage::of(&recorded, 2 * 1024 * 1024);
        assert!(whole.payload.len() > 1024 * 1024);
        let cut = EventMessage::of(&recorded, 1024 * 1024);
        assert!(cut.bytes < 4096);
        let row: Value = serde_json::from_slice(&cut.payload).unwrap();
        assert_eq!((&row["data"], &row["event"]), (&Value::Null, &json!("TemplateSet")));
        let headers = Headers::read(&cut.headers).unwrap();
        assert_eq!(headers.data_ref.unwrap(), "/v1/acme/history?cursor=7&limit=1");
    }
}
