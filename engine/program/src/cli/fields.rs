//! Reads and writes the fields of JSON rows.

use serde_json::Value;

/// Parses a text as JSON. Returns the text itself if it is not JSON.
pub(super) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// Sets a field of an object.
pub(super) fn set(object: &mut Value, field: &str, value: impl Into<Value>) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), value.into());
    }
}

/// A field of a row as a number, or 0.
pub(super) fn number(row: &Value, field: &str) -> u64 {
    row.get(field).and_then(Value::as_u64).unwrap_or(0)
}

/// The id inside the key of a mail: `01J…` in `welcome.01J….2`.
pub(super) fn id_in_key(mail: &Value) -> Option<&str> {
    text(mail, "key").split('.').nth(1)
}

/// Whether a run is scheduled, pending or running.
pub(super) fn is_unfinished(run: &Value) -> bool {
    matches!(text(run, "state"), "scheduled" | "pending" | "running")
}

/// A field of a row as text, or an empty text.
pub(super) fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row.get(field).and_then(Value::as_str).unwrap_or_default()
}
