//! Queries on the current rows, on earlier rows, or on the log.

use std::sync::Arc;
use std::time::Duration;

use boarding_commands::company::{Company, Grants};
use boarding_commands::decide::Authority;
use boarding_commands::decide::imports::import_file::needed;
use boarding_commands::event::Permission;
use boarding_commands::values::{Code, CompanyId, ImportId, Refusal, Time};
use boarding_projections::csv_export::CsvFormat;
use boarding_projections::query::{Access, MAX_LIMIT_ROWS, Query, QueryError, RowsAnswer};
use boarding_projections::rows::{MemoryRows, Rows, RowsError};
use serde_json::{Map, Value, json};

use crate::context::EngineContext;
use crate::limits::VISIBLE_SECONDS_MAX;
use crate::registry::Companies;

mod common_params;
mod engine_query;
mod failed_rows;
mod failure;
mod history;
mod latest;
mod list;
mod log_facts;
mod picture;
mod query_schema;
mod queued_commands;
mod template;

use common_params::{AsOf, CommonParams};
use engine_query::EngineQueryRequest;
use failure::unavailable;
use list::ListedQuery;

pub use failure::{QueryAnswer, QueryFailure};
pub use list::query_schemas;
pub use query_schema::{QuerySchema, ResponseKind};
pub use template::template_row;

/// The caller of a query and its authority.
#[derive(Debug, Clone)]
pub struct QueryCaller {
    pub actor: String,
    pub authority: Authority,
}

/// Answers queries, and waits until the read models have reached a position.
#[derive(Debug)]
pub(crate) struct Queries {
    context: Arc<EngineContext>,
    /// The companies, whose grants say what an actor may see.
    companies: Arc<Companies>,
}

impl Queries {
    pub(crate) fn new(context: Arc<EngineContext>, companies: Arc<Companies>) -> Self {
        Self { context, companies }
    }

    /// Answers a query by its contract name.
    ///
    /// # Errors
    /// `query.*`, `auth.permission_denied`, `not_yet_visible`, `unavailable`.
    pub(crate) async fn query(
        &self,
        company: &CompanyId,
        name: &str,
        params: Map<String, Value>,
        asker: &QueryCaller,
    ) -> Result<QueryAnswer, QueryFailure> {
        let query = list::find(name)?;
        let mut common = CommonParams::take(query.own_names(params)?)?;
        let latest = latest::wanted(query.params(), &common.rest);
        if latest.is_none() {
            self.check_permission(company, query, &common.rest, asker).await?;
        }
        if common.as_of.is_none() {
            self.up_to_date().await?;
        }
        if let Some(position) = common.min_position {
            self.visible(position).await?;
        }
        let (context, company) = (Arc::clone(&self.context), company.clone());
        let mut past = None;
        if let Some(latest) = latest {
            let (context, of) = (Arc::clone(&context), company.clone());
            let resolving = tokio::task::spawn_blocking(move || {
                let past = common.as_of.map(|as_of| rows_as_of(&context, &of, as_of));
                let past = past.transpose()?;
                let view = context.read_models.view();
                let rows: &dyn Rows = past.as_ref().map_or(&view, |(_, rows)| rows);
                latest.resolve(&of, &mut common.rest, rows).map(|()| (common, past))
            });
            (common, past) = resolving.await.map_err(|error| unavailable(&error))??;
            // The permission may depend on the import.
            self.check_permission(&company, query, &common.rest, asker).await?;
        }
        let answering =
            tokio::task::spawn_blocking(move || answer(&context, &company, query, &common, past));
        answering.await.map_err(|error| unavailable(&error))?
    }

    /// Waits until the read models have applied the log as it was at the start, at most five seconds: before, they
    /// would show the past as the present.
    ///
    /// # Errors
    /// `not_yet_visible` with the progress, or `unavailable` when they cannot be used.
    async fn up_to_date(&self) -> Result<(), QueryFailure> {
        let target = self.context.read_models.target();
        let seen = || self.context.read_models.seen().borrow().clone();
        if seen().is_ok_and(|seen| seen >= target) {
            return Ok(());
        }
        self.visible(target).await.map_err(|failure| match (failure, seen()) {
            (QueryFailure::Failed { code: Code::NotYetVisible, .. }, Ok(seen)) => {
                let percent = (seen * 100).checked_div(target).unwrap_or(100);
                let why = format!(
                    "the read models are being rebuilt from the log: position {seen} of {target}, {percent} %"
                );
                QueryFailure::Failed { code: Code::NotYetVisible, why }
            }
            (failure, _) => failure,
        })
    }

    /// Waits until the read models have applied a position, at most five seconds.
    ///
    /// # Errors
    /// `not_yet_visible`, or `unavailable` when they have stopped.
    pub(crate) async fn visible(&self, position: u64) -> Result<(), QueryFailure> {
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
    pub(crate) async fn caught_up(&self) -> Result<(), QueryFailure> {
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
        query: ListedQuery,
        params: &Value,
        asker: &QueryCaller,
    ) -> Result<(), QueryFailure> {
        if asker.authority == Authority::All {
            return Ok(());
        }
        let needed = match query.access(params)? {
            Access::Everyone => None,
            Access::Permission(permission) => Some(permission),
            Access::AnyPermission => {
                match self.granted(company, asker, Grants::allows_any).await? {
                    true => None,
                    false => Some(Permission::BulkImportUsers),
                }
            }
            Access::ImportFile => Some(self.needed_to_import(company, params).await),
            // An actor who may import a file may see its outcome, and so may an actor who imports users.
            Access::ImportOutcome => {
                match self.allowed(company, asker, Permission::BulkImportUsers).await? {
                    true => None,
                    false => Some(self.needed_to_import(company, params).await),
                }
            }
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
        self.granted(company, asker, move |grants, actor| grants.allows(actor, permission)).await
    }

    /// What the grants of the company say about the actor.
    async fn granted(
        &self,
        company: &CompanyId,
        asker: &QueryCaller,
        look: impl FnOnce(&Grants, &str) -> bool + Send + 'static,
    ) -> Result<bool, QueryFailure> {
        let actor = asker.actor.clone();
        let granted = move |company: &Company| look(&company.grants, &actor);
        let granted = self.companies.actor(company).await.inspect(granted).await;
        granted.ok_or_else(|| QueryFailure::Failed {
            code: Code::Unavailable,
            why: "the engine is stopping".to_owned(),
        })
    }

    /// The permission for importing this file. It also permits to see the outcome.
    async fn needed_to_import(&self, company: &CompanyId, params: &Value) -> Permission {
        let import = params.get("import").and_then(Value::as_str);
        let import: Option<ImportId> = import.and_then(|text| text.parse().ok());
        let dialect = move |company: &Company| {
            let import = company.imports.get(&import?)?;
            Some(import.options.dialect.clone())
        };
        let dialect = self.companies.actor(company).await.inspect(dialect).await.flatten();
        needed(&dialect.unwrap_or_default())
    }
}

/// Answers a query. `past` has the rows of an earlier moment if they were read already.
fn answer(
    context: &EngineContext,
    company: &CompanyId,
    query: ListedQuery,
    common: &CommonParams,
    past: Option<(u64, MemoryRows)>,
) -> Result<QueryAnswer, QueryFailure> {
    let past = match (past, common.as_of) {
        (None, Some(as_of)) => Some(rows_as_of(context, company, as_of)?),
        (past, _) => past,
    };
    let view = context.read_models.view();
    let (position, past) = match past {
        Some((position, rows)) => (position, Some(rows)),
        None => {
            check_following(context)?;
            (view.position(), None)
        }
    };
    let rows: &dyn Rows = past.as_ref().map_or(&view, |rows| rows);
    let now = match common.as_of {
        None => Some(context.clock.now()),
        Some(AsOf::Time(time)) => Some(time),
        Some(AsOf::Position(_)) => None,
    };
    let params = &common.rest;
    match (query, common.format) {
        (ListedQuery::Engine(query), format) => {
            query.answer(&EngineQueryRequest { context, company, params, rows, format, position })
        }
        (ListedQuery::Rows(query), Some(format)) => {
            csv(now, company, query, params, rows, format).map(QueryAnswer::Csv)
        }
        (ListedQuery::Rows(query), None) => {
            let answer = query.answer_at(now, company, params, rows);
            let mut answer = answer.inspect_err(|error| report_damage(context, error))?;
            if common.as_of.is_none() && matches!(query.name, "run" | "runs") {
                add_waiting(context, company, &mut answer);
            }
            Ok(QueryAnswer::Json(match answer {
                RowsAnswer::Rows { rows, next } => {
                    json!({"position": position, "rows": rows, "next": next})
                }
                RowsAnswer::Row(row) => json!({"position": position, "row": row}),
            }))
        }
    }
}

/// Rows that cannot be decoded are damaged, so they are rebuilt.
fn report_damage(context: &EngineContext, error: &QueryError) {
    if matches!(error, QueryError::Failed(RowsError::Undecodable { .. })) {
        context.read_models.report_damage();
    }
}

/// Updates what a run waits for with the latest try, which is not in the log.
fn add_waiting(context: &EngineContext, company: &CompanyId, answer: &mut RowsAnswer) {
    match answer {
        RowsAnswer::Row(row) => context.waiting.show(company, row),
        RowsAnswer::Rows { rows, .. } => {
            rows.iter_mut().for_each(|row| context.waiting.show(company, row));
        }
    }
}

/// Fails if the read models have stopped, so that stale rows are not shown as current.
fn check_following(context: &EngineContext) -> Result<(), QueryFailure> {
    let failed =
        |why: &Arc<str>| QueryFailure::Failed { code: Code::Unavailable, why: why.to_string() };
    context.read_models.seen().borrow().as_ref().map(|_| ()).map_err(failed)
}

/// The rows of a company at an earlier moment, from a replay.
fn rows_as_of(
    context: &EngineContext,
    company: &CompanyId,
    as_of: AsOf,
) -> Result<(u64, MemoryRows), QueryFailure> {
    let mut rows = MemoryRows::default();
    let mut position = 0;
    let mut reader = context.log.read_company(company, 1);
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
            boarding_projections::apply(&fact, &mut rows).map_err(|error| unavailable(&error))?;
            position = fact.position;
        }
    }
    Ok((position, rows))
}

/// All pages of a query as one CSV file.
fn csv(
    now: Option<Time>,
    company: &CompanyId,
    query: &Query,
    params: &Value,
    rows: &dyn Rows,
    format: CsvFormat,
) -> Result<Vec<u8>, QueryFailure> {
    let export = query.csv_export(format)?;
    let mut out = export.header();
    let mut params = params.as_object().cloned().unwrap_or_default();
    params.insert("limit".to_owned(), json!(MAX_LIMIT_ROWS));
    params.remove("cursor");
    loop {
        match query.answer_at(now, company, &Value::Object(params.clone()), rows)? {
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
