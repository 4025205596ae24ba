//! The headers of messages on NATS.

use boarding_commands::values::CompanyId;
use serde_json::{Value, json};

/// What `Nats-Service-Error-Code` may be: malformed or refused, not permitted, in conflict, too large,
/// overloaded, at fault, unavailable.
const STATUSES: [&str; 7] = ["400", "403", "409", "413", "429", "500", "503"];

/// The headers of each kind of message, by the name of their schema.
pub(super) fn all() -> [(&'static str, Value); 5] {
    [
        ("headers.asked", object(&[encoding(), trace()], &[])),
        (
            "headers.left",
            object(
                &[
                    encoding(),
                    trace(),
                    message_id("The command's id, so that leaving it twice is leaving it once."),
                    reply_to(),
                ],
                &[],
            ),
        ),
        ("headers.answer", object(&[encoding(), error(), status()], &[])),
        (
            "headers.event",
            object(&events(), &["Nats-Msg-Id", "ce-id", "ce-source", "ce-time", "ce-type"]),
        ),
        (
            "headers.work",
            object(&[encoding(), trace(), message_id("The same for the same attempt.")], &[]),
        ),
    ]
}

type Header = (&'static str, Value);

fn object(headers: &[Header], required: &[&str]) -> Value {
    let headers: serde_json::Map<_, _> =
        headers.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({"type": "object", "properties": headers, "required": required})
}

fn encoding() -> Header {
    let said = "How the payload is encoded; the answer comes in the same. Absent means JSON.";
    (
        "Content-Type",
        json!({"type": "string", "enum": ["application/json", "application/msgpack"], "default": "application/json", "description": said}),
    )
}

fn trace() -> Header {
    (
        "traceparent",
        json!({"type": "string", "description": "W3C Trace Context; it is kept with the events."}),
    )
}

fn message_id(said: &str) -> Header {
    ("Nats-Msg-Id", json!({"type": "string", "description": said}))
}

fn reply_to() -> Header {
    (
        "Boarding-Reply-To",
        json!({"type": "string", "description": "The subject that the answer is sent to, once there is one."}),
    )
}

fn error() -> Header {
    (
        "Nats-Service-Error",
        json!({"type": "string", "description": "The code of a refusal or failure; absent otherwise."}),
    )
}

fn status() -> Header {
    let said = "The number that goes with it, as an HTTP status.";
    ("Nats-Service-Error-Code", json!({"type": "string", "enum": STATUSES, "description": said}))
}

/// CloudEvents, in the binary mode.
fn events() -> [Header; 8] {
    let json_only = json!({"type": "string", "const": "application/json"});
    let source = format!("^/companies/[a-z0-9][a-z0-9-]{{0,{}}}$", CompanyId::MAX_CHARS - 1);
    [
        ("Content-Type", json_only),
        message_id("The event's id: a repeat has the same."),
        ("ce-id", json!({"type": "string", "description": "The event's id."})),
        ("ce-source", json!({"type": "string", "pattern": source})),
        ("ce-subject", json!({"type": "string", "description": "What the event is about."})),
        ("ce-time", json!({"type": "string", "format": "date-time"})),
        ("ce-type", json!({"type": "string", "pattern": "^boarding\\.v1\\.[A-Za-z]+$"})),
        trace(),
    ]
}
