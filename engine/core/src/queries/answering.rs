//! Answers a query from the current rows or from earlier ones.

use std::sync::Arc;

use boarding_commands::values::{CompanyId, Time};
use boarding_projections::csv_export::CsvFormat;
use boarding_projections::query::{AnswerRow, MAX_LIMIT_ROWS, Query, QueryError, RowsAnswer};
use boarding_projections::rows::{MemoryRows, Rows, RowsError};
use serde_json::{Value, json};

use super::common_params::{AsOf, CommonParams};
use super::engine_query::EngineQueryRequest;
use super::failure::{JsonAnswer, QueryAnswer, QueryFailure, unavailable};
use super::list::ListedQuery;
use crate::context::EngineContext;
use crate::registry::Companies;
use boarding_commands::values::Code;

/// Answers a query. `past` has the rows of an earlier moment if they were read already.
pub(super) fn answer(
    context: &EngineContext,
    companies: &Companies,
    company: &CompanyId,
    query: ListedQuery,
    common: &CommonParams,
    past: Option<(u64, MemoryRows)>,
) -> Result<QueryAnswer, QueryFailure> {
    let is_past = past.is_some() || common.as_of.is_some();
    let answer = read(context, companies, company, query, common, past)?;
    // A failed write may have left out rows that were read meanwhile.
    match context.store.failure() {
        Some(error) if !is_past => Err(unavailable(&error)),
        _ => Ok(answer),
    }
}

fn read(
    context: &EngineContext,
    companies: &Companies,
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
            let request =
                EngineQueryRequest { context, companies, company, params, rows, format, position };
            query.answer(&request)
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
                    JsonAnswer::rows(position, &rows, next.as_deref())
                }
                RowsAnswer::Row(row) => JsonAnswer::row(position, &row),
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
    let rows = match answer {
        RowsAnswer::Row(row) => std::slice::from_mut(row),
        RowsAnswer::Rows { rows, .. } => rows,
    };
    for row in rows {
        if let Some(shown) = context.waiting.shown(company, row) {
            *row = shown;
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
pub(super) fn rows_as_of(
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
        for recorded in entry.recorded.events() {
            if matches!(as_of, AsOf::Position(end) if recorded.position > end) {
                break;
            }
            boarding_projections::apply(&recorded, &mut rows)
                .map_err(|error| unavailable(&error))?;
            position = recorded.position;
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
                out.extend(export.lines(&[row.value()]));
                return Ok(out);
            }
            RowsAnswer::Rows { rows, next } => {
                let rows: Vec<Value> = rows.iter().map(AnswerRow::value).collect();
                out.extend(export.lines(&rows));
                let Some(next) = next else { return Ok(out) };
                params.insert("cursor".to_owned(), json!(next));
            }
        }
    }
}
