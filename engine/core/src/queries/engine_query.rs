//! A query that the engine answers itself, because the rows alone do not hold the answer.

use std::str::FromStr;

use boarding_commands::company::Company;
use boarding_commands::values::{Code, CompanyId, Refusal};
use boarding_projections::csv_export::CsvFormat;
use boarding_projections::query::{Access, DEFAULT_LIMIT_ROWS, MAX_LIMIT_ROWS};
use boarding_projections::rows::Rows;
use serde_json::{Map, Value};
use tokio::runtime::Handle;

use super::failure::{QueryAnswer, QueryFailure, malformed};
use super::query_schema::QuerySchema;
use crate::actor::ActorHandle;
use crate::context::EngineContext;
use crate::pending_work::PendingWork;
use crate::registry::Companies;

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
    pub(super) companies: &'a Companies,
    pub(super) company: &'a CompanyId,
    pub(super) params: &'a Value,
    pub(super) rows: &'a dyn Rows,
    pub(super) format: Option<CsvFormat>,
    /// The position that the rows have reached.
    pub(super) position: u64,
}

impl EngineQueryRequest<'_> {
    /// The company, for a query about its state. Blocks, so only a blocking thread may call it.
    pub(super) fn actor(&self) -> QueriedCompany {
        let runtime = Handle::current();
        QueriedCompany { actor: runtime.block_on(self.companies.actor(self.company)), runtime }
    }
}

/// A company whose state a query reads.
pub(super) struct QueriedCompany {
    actor: ActorHandle,
    runtime: Handle,
}

impl QueriedCompany {
    /// Reads the company as of its last durable commit.
    ///
    /// # Errors
    /// `unavailable` when the engine is stopping, or the company cannot be loaded.
    pub(super) fn inspect<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Company) -> T + Send + 'static,
    ) -> Result<T, QueryFailure> {
        self.runtime.block_on(self.actor.inspect(read)).ok_or_else(stopping)
    }

    /// The work of the company that [`QueriedCompany::inspect`] has read.
    pub(super) fn pending_work(&self) -> PendingWork {
        self.actor.pending_work().borrow().clone()
    }
}

/// The failure of a query whose company cannot be read any more.
pub(super) fn stopping() -> QueryFailure {
    QueryFailure::Failed { code: Code::Unavailable, why: "the engine is stopping".to_owned() }
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

/// The text in a parameter; none if it is empty or not given.
///
/// # Errors
/// `query.malformed`.
pub(super) fn text_of(params: &Value, name: &str) -> Result<Option<String>, Refusal> {
    match params.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(_) => Err(malformed(name, "expected a text")),
    }
}

/// The id in a parameter; none if it is empty or not given.
///
/// # Errors
/// `query.malformed`.
pub(super) fn id_of<T: FromStr>(params: &Value, name: &str) -> Result<Option<T>, Refusal> {
    let id = text_of(params, name)?.map(|text| text.parse());
    id.transpose().map_err(|_| malformed(name, "expected an id"))
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
