//! Queries on the current rows, on earlier rows, or on the log.

use std::sync::Arc;
use std::time::Duration;

use boarding_commands::company::Company;
use boarding_commands::decide::Authority;
use boarding_commands::decide::imports::import_file::needed;
use boarding_commands::event::Permission;
use boarding_commands::values::{Code, CompanyId, ImportId, Refusal, Time};
use boarding_projections::csv_export::CsvFormat;
use boarding_projections::history::{self, Entity};
use boarding_projections::query::{self, QueryError, RowsAnswer};
use boarding_projections::rows::{MemoryRows, Rows};
use serde_json::{Map, Value, json};

use crate::context::EngineContext;
use crate::engine::Engine;
use crate::limits::VISIBLE_SECONDS_MAX;

mod events;
mod failed_rows;
mod query_schema;
mod template;

pub use query_schema::{QuerySchema, ResponseKind, query_schemas};
pub use template::template_row;

/// The caller of a query and its authority.
#[derive(Debug, Clone)]
pub struct QueryCaller {
    pub actor: String,
    pub authority: Authority,
}

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

fn unavailable(error: &dyn std::error::Error) -> QueryFailure {
    QueryFailure::Failed { code: Code::Unavailable, why: boarding_log::error_chain(error) }
}

/// The parameters that all queries accept.
struct CommonParams {
    min_position: Option<u64>,
    as_of: Option<AsOf>,
    format: Option<CsvFormat>,
    rest: Value,
}

/// An earlier position or time.
#[derive(Debug, Clone, Copy)]
enum AsOf {
    Position(u64),
    Time(Time),
}

impl Engine {
    /// Answers a query by its contract name.
    ///
    /// # Errors
    /// `query.*`, `auth.permission_denied`, `not_yet_visible`, `unavailable`.
    pub async fn query(
        &self,
        company: &CompanyId,
        name: &str,
        params: Map<String, Value>,
        asker: &QueryCaller,
    ) -> Result<QueryAnswer, QueryFailure> {
        let common = CommonParams::take(query_schema::own_names(name, params)?)?;
        self.check_permission(company, name, &common.rest, asker).await?;
        if let Some(position) = common.min_position {
            self.visible(position).await?;
        }
        let (context, company, name) =
            (Arc::clone(&self.context), company.clone(), name.to_owned());
        let answering =
            tokio::task::spawn_blocking(move || context.answer(&company, &name, &common));
        answering.await.map_err(|error| unavailable(&error))?
    }

    /// Waits until the read models have applied a position, at most five seconds.
    ///
    /// # Errors
    /// `not_yet_visible`, or `unavailable` when they have stopped.
    pub async fn visible(&self, position: u64) -> Result<(), QueryFailure> {
        let mut seen = self.context.read_models.seen();
        self.context.read_models.refresh();
        let arrived = seen.wait_for(|seen| seen.as_ref().map_or(true, |seen| *seen >= position));
        match tokio::time::timeout(Duration::from_secs(VISIBLE_SECONDS_MAX), arrived).await {
            Ok(Ok(seen)) => match &*seen {
                Ok(_) => Ok(()),
                Err(why) => {
                    Err(QueryFailure::Failed { code: Code::Unavailable, why: why.to_string() })
                }
            },
            _ => {
                let why =
                    format!("position {position} was not applied within {VISIBLE_SECONDS_MAX} s");
                Err(QueryFailure::Failed { code: Code::NotYetVisible, why })
            }
        }
    }

    /// Waits without limit until the read models have applied all current events.
    ///
    /// # Errors
    /// `unavailable` when they have stopped.
    pub async fn caught_up(&self) -> Result<(), QueryFailure> {
        let end = self.context.log.end();
        while let Err(no) = self.visible(end).await {
            if !matches!(no, QueryFailure::Failed { code: Code::NotYetVisible, .. }) {
                return Err(no);
            }
        }
        Ok(())
    }

    async fn check_permission(
        &self,
        company: &CompanyId,
        name: &str,
        params: &Value,
        asker: &QueryCaller,
    ) -> Result<(), QueryFailure> {
        if asker.authority == Authority::All {
            return Ok(());
        }
        let needed = match name {
            "history" => Some(history::permission(entity_of(params)?.as_ref())),
            "import_progress" => Some(self.needed_to_import(company, params).await),
            // An actor who may import this file may see its outcome, and so may an actor who may import people.
            "import" | "import_rows" | "failed_rows" => {
                match self.allowed(company, asker, Permission::BulkImportUsers).await? {
                    true => None,
                    false => Some(self.needed_to_import(company, params).await),
                }
            }
            _ => boarding_projections::permission_for(name),
        };
        let Some(needed) = needed else { return Ok(()) };
        if self.allowed(company, asker, needed).await? {
            return Ok(());
        }
        let refusal = Refusal::new(Code::AuthPermissionDenied).saying(needed.as_str());
        Err(refusal.with(json!({"permission": needed.as_str()})).into())
    }

    async fn allowed(
        &self,
        company: &CompanyId,
        asker: &QueryCaller,
        permission: Permission,
    ) -> Result<bool, QueryFailure> {
        let actor = asker.actor.clone();
        let look = move |company: &Company| company.grants.allows(&actor, permission);
        let allowed = self.actor(company).await.inspect(look).await;
        allowed.ok_or_else(|| QueryFailure::Failed {
            code: Code::Unavailable,
            why: "the engine is stopping".to_owned(),
        })
    }
}

impl Engine {
    /// The permission for importing this file. It also permits to see the outcome.
    async fn needed_to_import(&self, company: &CompanyId, params: &Value) -> Permission {
        let import = params.get("import").and_then(Value::as_str);
        let import: Option<ImportId> = import.and_then(|text| text.parse().ok());
        let dialect = move |company: &Company| {
            let import = company.imports.get(&import?)?;
            Some(import.options.dialect.clone())
        };
        let dialect = self.actor(company).await.inspect(dialect).await.flatten();
        needed(&dialect.unwrap_or_default())
    }
}

impl CommonParams {
    fn take(mut params: Map<String, Value>) -> Result<Self, Refusal> {
        let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
        let malformed = |name: &str, takes: &str| malformed(name, &format!("expected {takes}"));
        let given = |params: &mut Map<String, Value>, name: &str| {
            params.remove(name).filter(|v| !v.is_null())
        };
        let min_position = given(&mut params, "min_position")
            .map(|value| number(&value).ok_or_else(|| malformed("min_position", "a position")));
        let as_of = given(&mut params, "as_of").map(|value| {
            let time = value.as_str().and_then(|text| text.parse().ok()).map(AsOf::Time);
            number(&value)
                .map(AsOf::Position)
                .or(time)
                .ok_or_else(|| malformed("as_of", "a position or a time"))
        });
        let format = given(&mut params, "format").map(|value| match value.as_str() {
            Some("json") => Ok(None),
            Some("csv") => Ok(Some(CsvFormat::Csv)),
            Some("spreadsheet") => Ok(Some(CsvFormat::Spreadsheet)),
            _ => Err(malformed("format", "json, csv or spreadsheet")),
        });
        Ok(Self {
            min_position: min_position.transpose()?,
            as_of: as_of.transpose()?,
            format: format.transpose()?.flatten(),
            rest: Value::Object(params),
        })
    }
}

impl EngineContext {
    fn answer(
        &self,
        company: &CompanyId,
        name: &str,
        common: &CommonParams,
    ) -> Result<QueryAnswer, QueryFailure> {
        let past = common.as_of.map(|as_of| self.rows_as_of(company, as_of)).transpose()?;
        let view = self.read_models.view();
        let (position, past) = match past {
            Some((position, rows)) => (position, Some(rows)),
            None => {
                self.check_following()?;
                (view.position(), None)
            }
        };
        let rows: &dyn Rows = past.as_ref().map_or(&view, |rows| rows);
        let now = match common.as_of {
            None => Some(self.clock.now()),
            Some(AsOf::Time(time)) => Some(time),
            Some(AsOf::Position(_)) => None,
        };
        query_schema::check_own(name, &common.rest)?;
        match (name, common.format) {
            ("history", _) => {
                self.history(company, rows, position, &common.rest).map(QueryAnswer::Json)
            }
            ("failed_rows", _) => {
                self.failed_rows(company, rows, &common.rest).map(QueryAnswer::Csv)
            }
            ("template", _) => template::template(company, &common.rest, rows, position),
            (_, Some(format)) => {
                csv(now, company, name, &common.rest, rows, format).map(QueryAnswer::Csv)
            }
            (_, None) => {
                let answer =
                    boarding_projections::answer_at(now, name, company, &common.rest, rows)?;
                Ok(QueryAnswer::Json(match answer {
                    RowsAnswer::Rows { rows, next } => {
                        json!({"position": position, "rows": rows, "next": next})
                    }
                    RowsAnswer::Row(row) => json!({"position": position, "row": row}),
                }))
            }
        }
    }

    /// Fails if the read models have stopped, so that stale rows are not shown as current.
    fn check_following(&self) -> Result<(), QueryFailure> {
        let failed =
            |why: &Arc<str>| QueryFailure::Failed { code: Code::Unavailable, why: why.to_string() };
        self.read_models.seen().borrow().as_ref().map(|_| ()).map_err(failed)
    }

    /// The rows of a company at an earlier moment, from a replay.
    fn rows_as_of(
        &self,
        company: &CompanyId,
        as_of: AsOf,
    ) -> Result<(u64, MemoryRows), QueryFailure> {
        let mut rows = MemoryRows::default();
        let mut position = 0;
        let mut reader = self.log.read_company(company, 1);
        while let Some(entry) = reader.next().map_err(|error| unavailable(&error))? {
            let before = match as_of {
                AsOf::Time(time) => entry.recorded.commit.at <= time,
                AsOf::Position(end) => entry.recorded.position <= end,
            };
            if !before {
                break;
            }
            for fact in entry.recorded.facts() {
                if matches!(as_of, AsOf::Position(end) if fact.position > end) {
                    break;
                }
                boarding_projections::apply(&fact, &mut rows)
                    .map_err(|error| unavailable(&error))?;
                position = fact.position;
            }
        }
        Ok((position, rows))
    }
}

/// The refusal of a malformed parameter, with its name.
fn malformed(parameter: &str, why: &str) -> Refusal {
    Refusal::new(Code::QueryMalformed)
        .saying(&format!("{parameter}: {why}"))
        .with(json!({"parameter": parameter}))
}

fn entity_of(params: &Value) -> Result<Option<Entity>, Refusal> {
    match params.get("entity") {
        None | Some(Value::Null) => Ok(None),
        Some(entity) => entity.as_str().unwrap_or_default().parse().map(Some),
    }
}

/// All pages of a query as one CSV file.
fn csv(
    now: Option<Time>,
    company: &CompanyId,
    name: &str,
    params: &Value,
    rows: &dyn Rows,
    format: CsvFormat,
) -> Result<Vec<u8>, QueryFailure> {
    let export = boarding_projections::find_query(name)?.csv_export(format)?;
    let mut out = export.header();
    let mut params = params.as_object().cloned().unwrap_or_default();
    params.insert("limit".to_owned(), json!(query::MAX_LIMIT_ROWS));
    params.remove("cursor");
    loop {
        match boarding_projections::answer_at(
            now,
            name,
            company,
            &Value::Object(params.clone()),
            rows,
        )? {
            RowsAnswer::Row(row) => {
                out.extend(export.lines(&[row]));
                return Ok(out);
            }
            RowsAnswer::Rows { rows, next } => {
                out.extend(export.lines(&rows));
                let Some(next) = next else { return Ok(out) };
                params.insert("cursor".to_owned(), json!(next));
            }
        }
    }
}
