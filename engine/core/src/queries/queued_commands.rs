//! The query `queued_commands`: commands of the queue that were refused or given up, newest first.

use boarding_projections::query::{Access, AnswerRow};
use schemars::JsonSchema as _;

use super::engine_query::{EngineQuery, EngineQueryRequest, limit_of, number_of};
use super::failure::{JsonAnswer, QueryAnswer, QueryFailure};
use super::query_schema::{QuerySchema, ResponseKind};
use crate::refused_commands::RefusedCommand;
use boarding_commands::event::Permission;
use boarding_commands::values::Code;

pub(super) const QUERY: EngineQuery = EngineQuery {
    schema: QuerySchema {
        name: "queued_commands",
        params: &[],
        one_of: &[],
        paged: true,
        has_csv: false,
        response: ResponseKind::Rows(RefusedCommand::json_schema),
    },
    // Reasons may name people, as the whole history does.
    access: |_| Ok(Access::Permission(Permission::Administer)),
    answer: queued_commands,
};

/// Without a queue no command was refused there, so the answer is empty.
fn queued_commands(request: &EngineQueryRequest<'_>) -> Result<QueryAnswer, QueryFailure> {
    let EngineQueryRequest { context, company, params, position, .. } = *request;
    let (limit, before) = (limit_of(params)?, number_of(params, "cursor", u64::MAX)?);
    let mut found = match context.refused.get() {
        // One more tells whether there is a next page.
        Some(refused) => refused
            .newest(company, before, limit + 1)
            .map_err(|why| QueryFailure::Failed { code: Code::Unavailable, why })?,
        None => Vec::new(),
    };
    let is_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| is_more).map(|(number, _)| number.to_string());
    let rows: Vec<_> = found.iter().map(|(_, row)| AnswerRow::of(row)).collect();
    Ok(QueryAnswer::Json(JsonAnswer::rows(position, &rows, next.as_deref())))
}
