//! The query `why`: the chain of events that led to the outcome of a row or of a recipient.

use std::ops::RangeInclusive;

use boarding_commands::commit::RecordedEvent;
use boarding_commands::values::{Refusal, UserKey};
use boarding_projections::query::{Access, AnswerRow, Newest, Param};
use boarding_projections::why::{self, ExplainedEvent, Question};
use schemars::JsonSchema as _;
use serde_json::Value;

use super::engine_query::{EngineQuery, EngineQueryRequest, number_of};
use super::failure::{JsonAnswer, QueryAnswer, QueryFailure, malformed, unavailable};
use super::log_events::read_versions;
use super::query_schema::{QuerySchema, ResponseKind};

pub(super) const QUERY: EngineQuery = EngineQuery {
    schema: QuerySchema {
        name: "why",
        params: &[
            Param::id_or_latest("import", Newest::Import),
            Param::number("row"),
            Param::id_or_latest("run", Newest::Run),
            Param::text("user"),
        ],
        one_of: &[&["import", "row"], &["run", "user"]],
        paged: false,
        has_csv: false,
        response: ResponseKind::Rows(ExplainedEvent::json_schema),
    },
    access: |_| Ok(Access::Permissions(&why::PERMISSIONS)),
    answer: answer_why,
};

/// The events of the chain, oldest first. Reads them one by one, by their versions in the read models.
fn answer_why(request: &EngineQueryRequest<'_>) -> Result<QueryAnswer, QueryFailure> {
    let EngineQueryRequest { context, company, params, rows, position, .. } = *request;
    let mut chain = question(params)?.chain(rows, company)?;
    let mut shown: Vec<AnswerRow> = Vec::new();
    for versions in contiguous(chain.versions()) {
        let mut explain = |recorded: &RecordedEvent<'_>| {
            if recorded.position <= position {
                shown.extend(chain.explain(recorded));
            }
            true
        };
        read_versions(&*context.log, company, versions, &mut explain)
            .map_err(|error| unavailable(&error))?;
    }
    Ok(QueryAnswer::Json(JsonAnswer::rows(position, &shown, None)))
}

/// The versions as ranges without gaps: events of one commit are read at once.
fn contiguous(versions: &[u64]) -> Vec<RangeInclusive<u64>> {
    let runs = versions.chunk_by(|one, next| one + 1 == *next);
    runs.filter_map(|run| Some(*run.first()?..=*run.last()?)).collect()
}

/// The question of these parameters.
fn question(params: &Value) -> Result<Question, Refusal> {
    if params.get("import").is_none_or(Value::is_null) {
        let user = UserKey::new(text_of(params, "user")?);
        return Ok(Question::Recipient { run: id_of(params, "run")?, user });
    }
    match number_of(params, "row", 0)? {
        0 => Err(malformed("row", "expected the number of a row, from 1")),
        row => Ok(Question::Row { import: id_of(params, "import")?, row }),
    }
}

fn text_of<'p>(params: &'p Value, name: &str) -> Result<&'p str, Refusal> {
    let text = params.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or_else(|| malformed(name, "expected a text"))
}

fn id_of<T: std::str::FromStr>(params: &Value, name: &str) -> Result<T, Refusal> {
    let id = text_of(params, name)?.parse();
    id.map_err(|_| malformed(name, "expected an id, or latest for the newest"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_without_a_gap_are_read_at_once() {
        assert_eq!(contiguous(&[1, 2, 3, 7, 9, 10]), [1..=3, 7..=7, 9..=10]);
        assert_eq!(contiguous(&[]), []);
    }
}
