//! Rows of answers as JSON text. A row is written once, from its own type, and is not kept as a map of values before.

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// A row of an answer, as JSON text.
#[derive(Debug, Clone)]
pub struct AnswerRow(Box<RawValue>);

impl AnswerRow {
    pub fn of(row: &impl Serialize) -> Self {
        // Rows have texts, numbers, lists and maps with text keys, which can always be written.
        Self(to_raw_value(row).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// The row as values, for who reads or changes its fields.
    pub fn value(&self) -> Value {
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }
}

impl Serialize for AnswerRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Whether both rows have the same values.
impl PartialEq for AnswerRow {
    fn eq(&self, other: &Self) -> bool {
        self.value() == other.value()
    }
}
