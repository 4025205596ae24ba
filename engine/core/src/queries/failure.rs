//! What a query returns: its answer, or why there is none.

use std::fmt::Write as _;

use boarding_commands::values::{Code, Refusal};
use boarding_projections::query::{AnswerRow, QueryError};
use serde_json::{Value, json};

/// The bytes of an answer beside its rows, about.
const ENVELOPE_BYTES: usize = 128;

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryAnswer {
    Json(JsonAnswer),
    /// The whole answer as CSV.
    Csv(Vec<u8>),
}

/// `{"position", "rows", "next"}` or `{"position", "row"}`, as JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonAnswer(String);

impl JsonAnswer {
    pub(super) fn rows(position: u64, rows: &[AnswerRow], next: Option<&str>) -> Self {
        let bytes: usize = rows.iter().map(|row| row.text().len() + 1).sum();
        let mut text = String::with_capacity(bytes + ENVELOPE_BYTES);
        // Writing to a string cannot fail.
        let _ = write!(text, "{{\"position\":{position},\"rows\":[");
        for (n, row) in rows.iter().enumerate() {
            text.push_str(if n == 0 { "" } else { "," });
            text.push_str(row.text());
        }
        let _ = write!(text, "],\"next\":{}}}", json!(next));
        Self(text)
    }

    pub(super) fn row(position: u64, row: &AnswerRow) -> Self {
        Self(format!("{{\"position\":{position},\"row\":{}}}", row.text()))
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    /// The answer without its position: what does not change with events that concern something else.
    pub fn text_without_position(&self) -> &str {
        self.0.split_once(',').map_or(&self.0, |(_, rest)| rest)
    }

    pub fn into_text(self) -> String {
        self.0
    }

    /// The answer as values.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// Why a query failed.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryFailure {
    Refused(Refusal),
    /// The caller may retry.
    Failed {
        code: Code,
        why: String,
    },
}

impl From<Refusal> for QueryFailure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<QueryError> for QueryFailure {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Refused(refusal) => Self::Refused(refusal),
            QueryError::Failed(error) => unavailable(&error),
        }
    }
}

pub(super) fn unavailable(error: &dyn std::error::Error) -> QueryFailure {
    QueryFailure::Failed { code: Code::Unavailable, why: boarding_log::error_chain(error) }
}

/// The refusal of a malformed parameter, with its name.
pub(super) fn malformed(parameter: &str, why: &str) -> Refusal {
    Refusal::new(Code::QueryMalformed)
        .saying(&format!("{parameter}: {why}"))
        .with(json!({"parameter": parameter}))
}
