//! Queries: questions about one company's rows, by name, with checked parameters.

mod asked;
mod page;
mod param;
mod word;

use std::error::Error;
use std::fmt;

use boarding_commands::event::Permission;
use boarding_commands::values::{Code, CompanyId, Refusal, Time};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::rows::{Rows, RowsError};
use crate::sheet::Column;

pub use asked::Asked;
pub(crate) use boarding_commands::search::Needle;
pub(crate) use page::page;
pub use page::{DEFAULT_LIMIT_ROWS, MAX_LIMIT_ROWS};
pub use param::Param;
pub(crate) use word::{Spelled, Word, spellings, words};

/// A question that rows can answer.
#[derive(Debug)]
pub struct Query {
    /// Its name on the wire.
    pub name: &'static str,
    /// What an actor needs to ask it, where anything was ever granted in the company.
    pub permission: Option<Permission>,
    /// Its own parameters.
    pub params: &'static [Param],
    /// Whether it answers with many rows, and so takes `limit` and `cursor` too.
    pub paged: bool,
    /// The shape of a row.
    pub row: fn(&mut SchemaGenerator) -> Schema,
    /// Its columns as a table, where the contract gives it as CSV.
    pub columns: Option<&'static [Column]>,
    pub answer: fn(&Asked<'_>, &dyn Rows) -> Result<Answer, QueryError>,
}

/// What rows answer. The engine adds the position they stand for.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Rows {
        rows: Vec<Value>,
        /// The cursor of the next page; none after the last row.
        next: Option<String>,
    },
    Row(Value),
}

/// Why a query has no answer.
#[derive(Debug)]
pub enum QueryError {
    /// A rule is broken: an answer with a stable code.
    Refused(Refusal),
    /// The rows could not be read: a fault.
    Failed(RowsError),
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Failed(_) => f.write_str("answer a query"),
        }
    }
}

impl Error for QueryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(_) => None,
            Self::Failed(error) => Some(error),
        }
    }
}

impl From<Refusal> for QueryError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<RowsError> for QueryError {
    fn from(error: RowsError) -> Self {
        Self::Failed(error)
    }
}

/// Answers a query. `params` is an object or null; `min_position`, `as_of` and `format` are not its
/// business and must have been taken out.
///
/// # Errors
/// `query.unknown`, `query.malformed` naming the parameter, `query.not_found`; or the rows' own fault.
pub fn query(
    name: &str,
    company: &CompanyId,
    params: &Value,
    rows: &dyn Rows,
) -> Result<Answer, QueryError> {
    query_at(None, name, company, params, rows)
}

/// The same at a time: what time alone has changed since the last fact is told as it is by then.
///
/// # Errors
/// Those of [`query`].
pub fn query_at(
    now: Option<Time>,
    name: &str,
    company: &CompanyId,
    params: &Value,
    rows: &dyn Rows,
) -> Result<Answer, QueryError> {
    let query = find(name)
        .ok_or_else(|| Refusal::new(Code::QueryUnknown).with(json!({ "query": name })))?;
    let none = Map::new();
    let params = match params {
        Value::Object(params) => params,
        Value::Null => &none,
        _ => return Err(Refusal::new(Code::QueryMalformed).saying("expected an object").into()),
    };
    let asked = Asked::check(query, company, params, now)?;
    (query.answer)(&asked, rows)
}

/// The shape of a type that is a query's row.
pub(crate) fn shape_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    T::json_schema(generator)
}

/// The query of that name.
pub fn find(name: &str) -> Option<&'static Query> {
    crate::queries().find(|query| query.name == name)
}

/// What an actor needs to ask the query of that name (LX-01, LX-02, LX-03). `history` is not among
/// them: what it needs depends on its entity ([`crate::history::permission`]).
pub fn permission_for(name: &str) -> Option<Permission> {
    find(name)?.permission
}

/// The refusal of a one-row query, or of the rows of a thing, that is not there.
pub(crate) fn not_found(parameter: &str, given: &dyn fmt::Display) -> QueryError {
    Refusal::new(Code::QueryNotFound).with(json!({ parameter: given.to_string() })).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::MemoryRows;

    #[track_caller]
    fn refused(name: &str, params: &Value) -> Refusal {
        let company = "acme".parse().unwrap();
        match query(name, &company, params, &MemoryRows::default()) {
            Err(QueryError::Refused(refusal)) => refusal,
            other => panic!("{name} {params}: {other:?}"),
        }
    }

    #[test]
    fn an_unknown_query_is_refused() {
        assert_eq!(refused("rumours", &json!({})).code, Code::QueryUnknown);
    }

    #[test]
    fn an_unknown_or_unreadable_parameter_is_refused_and_named() {
        for (name, params, named) in [
            ("runs", json!({"colour": "red"}), "colour"),
            ("config", json!({"limit": 1}), "limit"),
            ("runs", json!({"state": "asleep"}), "state"),
            ("runs", json!({"state": 7}), "state"),
            ("run", json!({"run": "no ULID"}), "run"),
            ("run", json!({}), "run"),
            ("runs", json!({"limit": 0}), "limit"),
            ("runs", json!({"limit": "many"}), "limit"),
            ("runs", json!({"cursor": "zz"}), "cursor"),
            ("runs", json!({"cursor": "09"}), "cursor"),
        ] {
            let refusal = refused(name, &params);
            assert_eq!(refusal.code, Code::QueryMalformed, "{name} {params}");
            assert_eq!(refusal.details["parameter"], json!(named), "{name} {params}");
        }
        assert_eq!(refused("runs", &json!([])).code, Code::QueryMalformed);
    }

    #[test]
    fn a_page_above_the_limit_is_refused_with_the_limit() {
        let refusal = refused("users", &json!({"limit": 501}));
        assert_eq!(refusal.details["limit"], json!(500));
        assert!(refusal.message.contains("500"), "{refusal}");
    }

    #[test]
    fn rows_that_do_not_decode_are_a_fault_and_not_an_answer() {
        use crate::rows::{RowsMut as _, Table};
        let company = "acme".parse().unwrap();
        let mut rows = MemoryRows::default();
        rows.put(Table::Users, &company, b"ann".to_vec(), b"damaged".to_vec());
        let answer = query("users", &company, &json!({}), &rows);
        let Err(QueryError::Failed(error)) = answer else { panic!("{answer:?}") };
        assert_eq!(error.to_string(), "decode a row of users");
    }

    /// LX-01, LX-02, LX-03.
    #[test]
    fn each_query_asks_for_the_permission_of_the_requirements() {
        for name in ["runs", "run", "integration_log", "queue", "invitations"] {
            assert_eq!(permission_for(name), Some(Permission::BulkIntegrateUsers), "{name}");
        }
        for name in ["imports", "import", "import_progress", "import_rows"] {
            assert_eq!(permission_for(name), Some(Permission::BulkImportUsers), "{name}");
        }
        assert_eq!(permission_for("org_units"), Some(Permission::ViewOrgUnits));
        assert_eq!(permission_for("notifications"), Some(Permission::Administer));
        for name in [
            "phone_list",
            "users",
            "user",
            "roles",
            "permission_groups",
            "config",
            "templates",
            "mail_templates",
        ] {
            assert!(find(name).is_some_and(|query| query.permission.is_none()), "{name}");
        }
    }
}
