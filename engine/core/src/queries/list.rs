//! The one list of all queries: those on rows, and those that the engine answers itself.

use boarding_commands::values::{Code, Refusal};
use boarding_projections::query::{Access, Param, Query};
use serde_json::{Map, Value};

use super::engine_query::EngineQuery;
use super::failure::malformed;
use super::query_schema::{QuerySchema, ResponseKind};
use super::{
    company_status, failed_rows, history, mail_wording, near_name, picture, queued_commands,
    template, unreached_people, why,
};

/// The queries that the engine answers itself. The queries on rows are listed with their read models.
const ENGINE_QUERIES: [&EngineQuery; 10] = [
    &history::QUERY,
    &failed_rows::QUERY,
    &template::QUERY,
    &queued_commands::QUERY,
    &picture::QUERY,
    &why::QUERY,
    &company_status::QUERY,
    &mail_wording::QUERY,
    &near_name::QUERY,
    &unreached_people::QUERY,
];

/// A query of the contract.
#[derive(Clone, Copy)]
pub(super) enum ListedQuery {
    Rows(&'static Query),
    Engine(&'static EngineQuery),
}

/// The query of that name.
///
/// # Errors
/// `query.unknown`.
pub(super) fn find(name: &str) -> Result<ListedQuery, Refusal> {
    match ENGINE_QUERIES.iter().find(|query| query.schema.name == name) {
        Some(query) => Ok(ListedQuery::Engine(query)),
        None => boarding_projections::find_query(name).map(ListedQuery::Rows).map_err(|refusal| {
            refusal.hinting(name, query_schemas().iter().map(|query| query.name))
        }),
    }
}

/// The schemas of all queries.
pub fn query_schemas() -> Vec<QuerySchema> {
    let of_rows = boarding_projections::queries().map(schema_of_rows);
    of_rows.chain(ENGINE_QUERIES.iter().map(|query| query.schema)).collect()
}

fn schema_of_rows(query: &'static Query) -> QuerySchema {
    let response =
        if query.paged { ResponseKind::Rows(query.row) } else { ResponseKind::Row(query.row) };
    QuerySchema {
        name: query.name,
        params: query.params,
        one_of: &[],
        paged: query.paged,
        has_csv: query.csv.is_some(),
        response,
    }
}

impl ListedQuery {
    pub(super) fn params(self) -> &'static [Param] {
        match self {
            Self::Rows(query) => query.params,
            Self::Engine(query) => query.schema.params,
        }
    }

    /// Refuses an earlier state of a query that knows the current one only.
    ///
    /// # Errors
    /// `query.malformed` or `query.not_found`.
    pub(super) fn check_has_past(self) -> Result<(), Refusal> {
        let Self::Engine(query) = self else { return Ok(()) };
        let name = query.schema.name;
        if name == queued_commands::QUERY.schema.name {
            let why = "refused commands are not in the log, so there is no earlier list of them";
            return Err(malformed("as_of", why));
        }
        let of_state = [
            &company_status::QUERY,
            &mail_wording::QUERY,
            &near_name::QUERY,
            &unreached_people::QUERY,
        ];
        if of_state.iter().any(|query| query.schema.name == name) {
            let words = format!("The query {name} shows the current state only; leave out as_of.");
            return Err(Refusal::new(Code::QueryNotFound).worded(words));
        }
        Ok(())
    }

    /// The given parameters by their own names instead of their aliases.
    ///
    /// # Errors
    /// `query.malformed` where one parameter is given under two names.
    pub(super) fn own_names(
        self,
        given: Map<String, Value>,
    ) -> Result<Map<String, Value>, Refusal> {
        Param::replace_aliases(self.params(), given)
    }

    /// Refuses parameters of two groups, or of a part of a group, for a query with groups of parameters.
    ///
    /// # Errors
    /// `query.malformed`.
    pub(super) fn check_groups(self, params: &Value) -> Result<(), Refusal> {
        match self {
            Self::Engine(query) => query.schema.check_groups(params),
            Self::Rows(_) => Ok(()),
        }
    }

    /// Who may call the query with these parameters.
    ///
    /// # Errors
    /// `query.malformed` where the permission depends on a parameter that cannot be read.
    pub(super) fn access(self, params: &Value) -> Result<Access, Refusal> {
        match self {
            Self::Engine(query) => (query.access)(params),
            Self::Rows(query) => Ok(query.access),
        }
    }
}
