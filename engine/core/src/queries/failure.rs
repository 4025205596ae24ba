//! What a query returns: its answer, or why there is none.

use boarding_commands::values::{Code, Refusal};
use boarding_projections::query::QueryError;
use serde_json::{Value, json};

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryAnswer {
    /// `{"position", "rows", "next"}` or `{"position", "row"}`.
    Json(Value),
    /// The whole answer as CSV.
    Csv(Vec<u8>),
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
