//! What a query returns: its answer, or why there is none.

use boarding_commands::values::{Code, Refusal};
use boarding_projections::query::QueryError;
use serde::Serialize;
use serde_json::{Value, json};

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
    pub(super) fn rows(position: u64, rows: &[impl Serialize], next: Option<&str>) -> Self {
        #[derive(Serialize)]
        struct Rows<'a, R> {
            position: u64,
            rows: &'a [R],
            next: Option<&'a str>,
        }
        Self::of(&Rows { position, rows, next })
    }

    pub(super) fn row(position: u64, row: &impl Serialize) -> Self {
        #[derive(Serialize)]
        struct Row<'a, R> {
            position: u64,
            row: &'a R,
        }
        Self::of(&Row { position, row })
    }

    fn of(answer: &impl Serialize) -> Self {
        // Rows have texts, numbers, lists and maps with text keys, which can always be written.
        Self(serde_json::to_string(answer).unwrap_or_default())
    }

    pub fn text(&self) -> &str {
        &self.0
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
