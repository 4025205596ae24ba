//! How far an import is: rows that have an outcome, of all (query `import_progress`; ML-11).

use boarding_commands::event::Permission;
use boarding_commands::values::{ImportId, Time};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::ReadModel;
use crate::imports::{self, Import, ImportState};
use crate::query::{Answer, Asked, Param, Query, QueryError, Spelled, not_found, shape_of};
use crate::rows::Rows;

pub const MODEL: ReadModel = ReadModel {
    projectors: &[],
    queries: &[Query {
        name: "import_progress",
        // Of accounts it takes another one: whoever may import a file may see how far it is.
        permission: Some(Permission::BulkImportUsers),
        params: &[Param::id("import").required().or(&["import_id"])],
        paged: false,
        row: shape_of::<Progress>,
        columns: None,
        answer: import_progress,
    }],
};

/// How far an import is. `processed` never falls, and is `total` once the import is completed.
#[derive(Serialize, JsonSchema)]
struct Progress<'a> {
    import: ImportId,
    dialect: &'a str,
    state: Spelled<ImportState>,
    /// Rows that have an outcome.
    processed: u64,
    /// All rows with data, from the beginning on.
    total: u64,
    /// Rounded down: 100 means all.
    percent: u64,
    /// Those of the processed rows that were refused.
    invalid: u64,
    started_at: Time,
    ended_at: Option<Time>,
}

impl<'a> Progress<'a> {
    fn of(import: &'a Import) -> Self {
        let (processed, total) = (import.counts.done(), import.counts.total);
        Self {
            import: import.import,
            dialect: &import.dialect,
            state: Spelled(import.state),
            processed,
            total,
            percent: processed.saturating_mul(100).checked_div(total).unwrap_or(100),
            invalid: import.counts.invalid,
            started_at: import.started_at,
            ended_at: import.ended_at,
        }
    }
}

fn import_progress(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    let id: ImportId = asked.required_id("import")?;
    let import = imports::find(rows, asked.company, id)?;
    let import = import.ok_or_else(|| not_found("import", &id))?;
    Ok(Answer::Row(json!(Progress::of(&import))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Story, accepted, at, created_by_row, import, import_completed, row};
    use boarding_commands::event::{Counts, Event, RowOutcome};
    use serde_json::Value;

    fn told(story: &Story) -> Value {
        story.ask_row("import_progress", &json!({"import": import(1)}))
    }

    /// ML-11: every row that gets an outcome, good or bad, moves it on; the total is known from the beginning.
    #[test]
    fn ml_11_progress_rises_with_every_row_and_never_falls() {
        let refused = Event::RowRefused {
            user: None,
            row: row(1, 2),
            outcome: RowOutcome::Invalid,
            problems: vec![],
        };
        let mut story = Story::of("acme").then([accepted(1, 3)]);
        let mut seen = vec![told(&story)];
        for event in [
            created_by_row("ann", Some(row(1, 1))),
            refused,
            created_by_row("bob", Some(row(1, 3))),
            import_completed(1, Counts { total: 3, created: 2, invalid: 1, ..Counts::default() }),
            Event::ImportUndoStarted { import: import(1) },
        ] {
            story = story.then([event]);
            seen.push(told(&story));
        }
        let of =
            |name: &str| seen.iter().map(|row| row[name].as_u64().unwrap()).collect::<Vec<_>>();
        assert_eq!(of("processed"), [0, 1, 2, 3, 3, 3]);
        assert_eq!(of("total"), [3; 6]);
        assert_eq!(of("percent"), [0, 33, 66, 100, 100, 100]);
        assert_eq!(of("invalid"), [0, 0, 1, 1, 1, 1]);
        assert_eq!(
            (&seen[3]["state"], &seen[4]["state"]),
            (&json!("processing"), &json!("completed"))
        );
        assert_eq!((&seen[3]["ended_at"], &seen[4]["ended_at"]), (&json!(null), &json!(at(4))));
    }

    #[test]
    fn the_progress_of_nothing_is_not_found() {
        let story = Story::of("acme").then([accepted(1, 3)]);
        let asked = json!({"import": import(9)});
        assert_eq!(story.refused("import_progress", &asked), "query.not_found");
    }
}
