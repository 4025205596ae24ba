//! Rows of answers as JSON text. A row is written once, from its own type, and is not kept as a map of values before.

use serde::Serialize;
use serde_json::Value;

/// A row of an answer, as JSON text.
#[derive(Debug, Clone)]
pub struct AnswerRow(String);

impl AnswerRow {
    pub fn of(row: &impl Serialize) -> Self {
        // Rows have texts, numbers, lists and maps with text keys, which can always be written.
        let text = serde_json::to_string(row);
        debug_assert!(text.is_ok(), "a row cannot be written: {text:?}");
        Self(text.unwrap_or_else(|_| "null".to_owned()))
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    /// The row as values, for who reads or changes its fields.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// Whether both rows have the same values.
impl PartialEq for AnswerRow {
    fn eq(&self, other: &Self) -> bool {
        self.value() == other.value()
    }
}
