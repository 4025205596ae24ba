//! A query that the engine answers itself, because the rows alone do not hold the answer.

use boarding_commands::values::{CompanyId, Refusal};
use boarding_projections::csv_export::CsvFormat;
use boarding_projections::query::{Access, DEFAULT_LIMIT_ROWS, MAX_LIMIT_ROWS};
use boarding_projections::rows::Rows;
use serde_json::{Map, Value};

use super::failure::{QueryAnswer, QueryFailure, malformed};
use super::query_schema::QuerySchema;
use crate::context::EngineContext;

/// A query with its name, parameters, permission and answer.
pub(super) struct EngineQuery {
    pub(super) schema: QuerySchema,
    /// Who may call the query with these parameters.
    pub(super) access: fn(&Value) -> Result<Access, Refusal>,
    pub(super) answer: fn(&EngineQueryRequest<'_>) -> Result<QueryAnswer, QueryFailure>,
}

/// What a query is answered from.
#[derive(Clone, Copy)]
pub(super) struct EngineQueryRequest<'a> {
    pub(super) context: &'a EngineContext,
    pub(super) company: &'a CompanyId,
    pub(super) params: &'a Value,
    pub(super) rows: &'a dyn Rows,
    pub(super) format: Option<CsvFormat>,
    /// The position that the rows have reached.
    pub(super) position: u64,
}

impl EngineQuery {
    /// Answers the query.
    ///
    /// # Errors
    /// `query.malformed` for an unknown parameter; others are the query's own.
    pub(super) fn answer(
        &self,
        request: &EngineQueryRequest<'_>,
    ) -> Result<QueryAnswer, QueryFailure> {
        self.check_names(request.params)?;
        (self.answer)(request)
    }

    fn check_names(&self, params: &Value) -> Result<(), Refusal> {
        let QuerySchema { name, params: own, paged, .. } = self.schema;
        let takes = |name: &str| {
            let of_pages = paged && matches!(name, "limit" | "cursor");
            of_pages || own.iter().any(|param| param.name == name)
        };
        match params.as_object().into_iter().flat_map(Map::keys).find(|name| !takes(name)) {
            Some(unknown) => {
                Err(malformed(unknown, &format!("the query {name} has no such parameter")))
            }
            None => Ok(()),
        }
    }
}

/// The number in a parameter, also as text; `unset` if it is not given.
///
/// # Errors
/// `query.malformed`.
pub(super) fn number_of(params: &Value, name: &str, unset: u64) -> Result<u64, Refusal> {
    match params.get(name) {
        None | Some(Value::Null) => Ok(unset),
        // As in the other queries, an empty cursor is the first page.
        Some(Value::String(text)) if text.is_empty() && name == "cursor" => Ok(unset),
        Some(value) => value
            .as_u64()
            .or_else(|| value.as_str()?.parse().ok())
            .ok_or_else(|| malformed(name, OUT_OF_RANGE)),
    }
}

/// The maximum number of rows of a page.
///
/// # Errors
/// `query.malformed`.
pub(super) fn limit_of(params: &Value) -> Result<usize, Refusal> {
    let limit = number_of(params, "limit", DEFAULT_LIMIT_ROWS as u64)?;
    let limit = usize::try_from(limit).ok().filter(|limit| (1..=MAX_LIMIT_ROWS).contains(limit));
    limit.ok_or_else(|| malformed("limit", OUT_OF_RANGE))
}

const OUT_OF_RANGE: &str = "expected a whole number in its range";
