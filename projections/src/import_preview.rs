//! The preview of an import, folded by the projections of the real import.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::Counts;
use serde_json::Value;

use crate::projection::Projection;
use crate::tables::file_rows::FileRowProjection;
use crate::tables::imports::{ImportProjection, ImportRow, ImportStatus};

/// The counts and state of an import that a dry run executes.
///
/// Rows pass through one by one and are not kept, so a large file needs no more memory.
#[derive(Debug, Default)]
pub struct PreviewedImport {
    import: Option<ImportRow>,
}

impl PreviewedImport {
    /// Applies the next event of the import. Returns the JSON of its row, as `import_rows` shows it.
    pub fn apply(&mut self, recorded: &RecordedEvent<'_>) -> Option<Value> {
        if ImportProjection::key(recorded).is_some() {
            self.import = ImportProjection::evolve(self.import.take(), recorded);
        }
        FileRowProjection::key(recorded)?;
        FileRowProjection::evolve(None, recorded).map(|row| row.show(None, None).value())
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.import.as_ref().map(|import| import.counts).unwrap_or_default()
    }

    /// Whether every row has an outcome.
    pub fn is_completed(&self) -> bool {
        self.import.as_ref().is_some_and(|import| import.state == ImportStatus::Completed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        TestCompany, accepted, created_by_row, import, import_completed, row, who,
    };
    use boarding_commands::event::{Event, RowOutcome};
    use serde_json::json;

    /// P16: rows and counts are those of the queries on the same events.
    #[test]
    fn preview_shows_what_the_queries_show() {
        let refused = Event::RowRefused {
            user: Some(who("ann")),
            row: row(1, 2),
            outcome: RowOutcome::Duplicate,
            problems: vec![],
        };
        let counts = Counts { total: 2, created: 1, duplicate: 1, ..Counts::default() };
        let company = TestCompany::new("acme")
            .commit([accepted(1, 2), created_by_row("ann", Some(row(1, 1))), refused])
            .commit([import_completed(1, counts)]);
        let (mut preview, mut rows) = (PreviewedImport::default(), Vec::new());
        company
            .each_event(|recorded| {
                rows.extend(preview.apply(recorded));
                Ok::<(), std::convert::Infallible>(())
            })
            .unwrap();
        assert!(preview.is_completed());
        let params = json!({"import": import(1)});
        assert_eq!(rows, company.query("import_rows", &params));
        let shown = company.query_row("import", &params);
        let counts = json!(preview.counts());
        for (name, count) in counts.as_object().unwrap() {
            assert_eq!(&shown[name], count, "{name}");
        }
    }
}
