//! Queries: their definition, their parameters and their answers.

mod answer_row;
mod page;
mod param;
mod request;
mod wire_enum;

use std::error::Error;
use std::fmt;

use boarding_commands::event::Permission;
use boarding_commands::values::{Code, CompanyId, Refusal, Time};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::csv_export::{CsvExport, CsvFormat, CsvLayout};
use crate::rows::{Rows, RowsError};

pub use answer_row::AnswerRow;
pub(crate) use boarding_commands::search::Needle;
pub(crate) use page::page;
pub use param::{Newest, Param};
pub use request::{DEFAULT_LIMIT_ROWS, MAX_LIMIT_ROWS, QueryRequest};
pub(crate) use wire_enum::{WireEnum, WireName, wire_enum};

/// The actors who may call a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Everyone,
    /// Actors with at least one permission.
    AnyPermission,
    /// Actors with this permission.
    Permission(Permission),
    /// Actors with all of these permissions.
    Permissions(&'static [Permission]),
    /// Actors who may import the file of the import that the parameter `import` names.
    ImportFile,
    /// Actors who may import users, and those of [`Access::ImportFile`].
    ImportOutcome,
}

/// A query on the rows of one company.
#[derive(Debug)]
pub struct Query {
    /// The query's name on the wire.
    pub name: &'static str,
    /// The actors who may call it. It applies once the company has granted any permission.
    pub access: Access,
    /// The query's own parameters.
    pub params: &'static [Param],
    /// Whether the answer has many rows. If so, the query also takes `limit` and `cursor`.
    pub paged: bool,
    /// The JSON schema of a row.
    pub row: fn(&mut SchemaGenerator) -> Schema,
    /// The columns of the CSV export; none if the query has no export.
    pub csv: Option<CsvLayout>,
    pub answer: fn(&QueryRequest<'_>, &dyn Rows) -> Result<RowsAnswer, QueryError>,
}

impl Query {
    /// Answers the query from the rows. `params` is an object or null.
    ///
    /// # Errors
    /// `query.malformed` names the parameter; other refusals and faults are the query's own.
    pub fn answer_at(
        &self,
        now: Option<Time>,
        company: &CompanyId,
        params: &Value,
        rows: &dyn Rows,
    ) -> Result<RowsAnswer, QueryError> {
        let none = Map::new();
        let params = match params {
            Value::Object(params) => params,
            Value::Null => &none,
            _ => {
                return Err(Refusal::new(Code::QueryMalformed).saying("expected an object").into());
            }
        };
        let request = QueryRequest::new(company, now, self.params, params);
        request.check_names(self.name, self.paged)?;
        (self.answer)(&request, rows)
    }

    /// The query's CSV export.
    ///
    /// # Errors
    /// `query.malformed` for a query without a CSV export.
    pub fn csv_export(&self, format: CsvFormat) -> Result<CsvExport, Refusal> {
        let layout = self.csv.ok_or_else(|| {
            Refusal::new(Code::QueryMalformed)
                .saying(&format!("format: {} has no CSV export", self.name))
                .with(json!({"parameter": "format"}))
        })?;
        Ok(CsvExport::new(layout, format))
    }
}

/// The answer of a query. The engine adds the position of the log that the rows have reached.
#[derive(Debug, Clone, PartialEq)]
pub enum RowsAnswer {
    Rows {
        rows: Vec<AnswerRow>,
        /// The cursor of the next page; none after the last row.
        next: Option<String>,
    },
    Row(AnswerRow),
}

/// Why a query has no answer.
#[derive(Debug)]
pub enum QueryError {
    /// The request breaks a rule: an answer with a stable code.
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

/// The JSON schema of a row type, for [`Query::row`].
pub(crate) fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    T::json_schema(generator)
}

/// The refusal of a query about a thing that does not exist.
pub(crate) fn not_found(parameter: &str, given: &dyn fmt::Display) -> QueryError {
    Refusal::new(Code::QueryNotFound).with(json!({ parameter: given.to_string() })).into()
}
