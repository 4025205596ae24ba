//! What an import that is only rehearsed would show: folded by the very projections that show the real one.

use boarding_commands::commit::Fact;
use boarding_commands::event::Counts;
use serde_json::Value;

use crate::import_rows::ImportRows;
use crate::imports::{Import, ImportState, Imports};
use crate::projection::Projection;

/// The facts of one import, seen as the queries `import` and `import_rows` would show them. Its rows pass
/// through one by one; what is kept does not grow with them.
#[derive(Debug, Default)]
pub struct Outlook {
    import: Option<Import>,
}

impl Outlook {
    /// Takes note of the next fact of the import; the row it tells of, if it tells of one.
    pub fn take(&mut self, fact: &Fact<'_>) -> Option<Value> {
        if Imports::key(fact).is_some() {
            self.import = Imports::evolve(self.import.take(), fact);
        }
        ImportRows::key(fact)?;
        ImportRows::evolve(None, fact).map(|row| row.show(None, None))
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.import.as_ref().map(|import| import.counts).unwrap_or_default()
    }

    /// Whether every row has its outcome.
    pub fn is_completed(&self) -> bool {
        self.import.as_ref().is_some_and(|import| import.state == ImportState::Completed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Story, accepted, created_by_row, import, import_completed, row, who};
    use boarding_commands::event::{Event, RowOutcome};
    use serde_json::json;

    /// P16: what a rehearsal shows is what the queries show of the same facts, the counts by the same names.
    #[test]
    fn p16_an_outlook_shows_what_the_queries_would() {
        let refused = Event::RowRefused {
            user: Some(who("ann")),
            row: row(1, 2),
            outcome: RowOutcome::Duplicate,
            problems: vec![],
        };
        let counts = Counts { total: 2, created: 1, duplicate: 1, ..Counts::default() };
        let story = Story::of("acme")
            .then([accepted(1, 2), created_by_row("ann", Some(row(1, 1))), refused])
            .then([import_completed(1, counts)]);
        let (mut outlook, mut rows) = (Outlook::default(), Vec::new());
        story
            .facts(|fact| {
                rows.extend(outlook.take(fact));
                Ok::<(), crate::projection::Stopped>(())
            })
            .unwrap();
        assert!(outlook.is_completed());
        let params = json!({"import": import(1)});
        assert_eq!(rows, story.ask("import_rows", &params));
        let shown = story.ask_row("import", &params);
        let counts = json!(outlook.counts());
        for (name, count) in counts.as_object().unwrap() {
            assert_eq!(&shown[name], count, "{name}");
        }
    }
}
