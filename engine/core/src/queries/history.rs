//! The query `history`: events from the log, located by the rows.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::values::Refusal;
use boarding_projections::history::{self, Entity, PublishedEvent};
use boarding_projections::query::{Access, AnswerRow, Param};
use schemars::JsonSchema as _;
use serde_json::Value;

use super::engine_query::{EngineQuery, EngineQueryRequest, limit_of, number_of};
use super::failure::{JsonAnswer, QueryAnswer, QueryFailure, unavailable};
use super::log_events::read_versions;
use super::query_schema::{QuerySchema, ResponseKind};

/// `run:<id>`, `import:<id>`, also with `latest` for the id, `user:<key>`, `phone:<E.164>`.
const ENTITY: &str = "^((run|import):(latest|[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25})|user:.*\\S.*|phone:.*[0-9].*)$";

pub(super) const QUERY: EngineQuery = EngineQuery {
    schema: QuerySchema {
        name: "history",
        params: &[Param::pattern("entity", ENTITY)],
        one_of: &[],
        paged: true,
        has_csv: false,
        response: ResponseKind::Rows(PublishedEvent::json_schema),
    },
    access: |params| Ok(Access::Permission(history::permission(entity_of(params)?.as_ref()))),
    answer: history,
};

/// Events, oldest first, of one entity or of the whole company.
fn history(request: &EngineQueryRequest<'_>) -> Result<QueryAnswer, QueryFailure> {
    let EngineQueryRequest { context, company, params, rows, position, .. } = *request;
    let page = Page::of(params)?;
    let entity = entity_of(params)?;
    let mut shown = Vec::new();
    let mut next = None;
    let mut show = |recorded: &RecordedEvent<'_>| {
        let belongs = entity.as_ref().is_none_or(|entity| entity.concerns(recorded.event));
        if recorded.version < page.from || recorded.position > position || !belongs {
            return true;
        }
        if shown.len() == page.limit {
            next = Some(recorded.version.to_string());
            return false;
        }
        shown.push(AnswerRow::of(&history::event_json(recorded)));
        true
    };
    let failed = |error| unavailable(&error);
    match &entity {
        None => read_versions(&*context.log, company, page.from..=u64::MAX, &mut show)
            .map(|_| ())
            .map_err(failed)?,
        Some(entity) => {
            let ranges =
                history::versions(rows, company, entity).map_err(|error| unavailable(&error))?;
            for versions in ranges.into_iter().filter(|versions| *versions.end() >= page.from) {
                if !read_versions(&*context.log, company, versions, &mut show).map_err(failed)? {
                    break;
                }
            }
        }
    }
    Ok(QueryAnswer::Json(JsonAnswer::rows(position, &shown, next.as_deref())))
}

fn entity_of(params: &Value) -> Result<Option<Entity>, Refusal> {
    match params.get("entity") {
        None | Some(Value::Null) => Ok(None),
        Some(entity) => entity.as_str().unwrap_or_default().parse().map(Some),
    }
}

/// A page of the history: cursors are versions.
struct Page {
    from: u64,
    limit: usize,
}

impl Page {
    fn of(params: &Value) -> Result<Self, Refusal> {
        Ok(Self { from: number_of(params, "cursor", 1)?, limit: limit_of(params)? })
    }
}
