//! Imports: each file, how it was read and what became of its rows (queries `imports`, `import`; LX-02, LX-11).

use boarding_commands::commit::Fact;
use boarding_commands::event::{Counts, Event, FileRef, Permission, Source, UndoCounts};
use boarding_commands::values::{CompanyId, ImportId, Personal, Problem, RunId, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ReadModel;
use crate::projection::{Projection, Projector, load};
use crate::query::{
    Answer, Asked, Param, Query, QueryError, Spelled, not_found, page, shape_of, words,
};
use crate::rows::{Rows, RowsError, Table};
use crate::runs::newest_first;

pub const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<Imports>(), Projector::of::<ImportOrder>()],
    queries: &[
        Query {
            name: "imports",
            permission: Some(Permission::BulkImportUsers),
            params: &[],
            paged: true,
            row: shape_of::<ImportShown>,
            columns: None,
            answer: imports,
        },
        Query {
            name: "import",
            permission: Some(Permission::BulkImportUsers),
            params: &[Param::id("import").required().or(&["import_id"])],
            paged: false,
            row: shape_of::<ImportShown>,
            columns: None,
            answer: import,
        },
    ],
};

words! {
    /// Where an import stands.
    ImportState {
        Processing "processing"
        Completed "completed"
        Undone "undone"
    }
}

/// An import: one row an import, so that a million rows are counted in one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Import {
    pub import: ImportId,
    /// The first file: the one with the people in it.
    pub file: Option<FileRef>,
    pub dialect: String,
    pub state: ImportState,
    /// Live while it goes on.
    pub counts: Counts,
    /// Live while it is being undone; none where nobody asked for that.
    pub undo: Option<UndoCounts>,
    pub requested_by: Personal<String>,
    pub started_at: Time,
    pub ended_at: Option<Time>,
    /// The run that it asked for.
    pub run: Option<RunId>,
    /// Why it invites nobody, though that was asked.
    pub not_invited: Option<Problem>,
}

impl Import {
    fn show(&self) -> Value {
        json!(ImportShown {
            import: self.import,
            file_name: self.file.as_ref().map(|file| file.name.as_str()),
            sha256: self.file.as_ref().map(|file| file.sha256.as_str()),
            dialect: &self.dialect,
            state: Spelled(self.state),
            counts: self.counts,
            undo: self.undo,
            requested_by: &self.requested_by,
            started_at: self.started_at,
            ended_at: self.ended_at,
            run: self.run,
            not_invited: self.not_invited.as_ref(),
        })
    }
}

/// An import, how far it is and what became of its rows.
#[derive(Serialize, JsonSchema)]
struct ImportShown<'a> {
    import: ImportId,
    file_name: Option<&'a str>,
    sha256: Option<&'a str>,
    dialect: &'a str,
    state: Spelled<ImportState>,
    #[serde(flatten)]
    counts: Counts,
    /// What came of the rows that had changed something, from the undo's beginning on.
    undo: Option<UndoCounts>,
    requested_by: &'a Personal<String>,
    started_at: Time,
    ended_at: Option<Time>,
    /// The run that invites its people, where the import asked for one.
    run: Option<RunId>,
    /// Why there is no such run, though the import asked for one.
    not_invited: Option<&'a Problem>,
}

/// Imports by id.
#[derive(Debug)]
pub struct Imports;

impl Projection for Imports {
    const TABLE: Table = Table::Imports;
    const VERSION: u32 = 2;
    type Row = Import;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        match fact.event {
            Event::ImportAccepted { import, .. }
            | Event::ImportCompleted { import, .. }
            | Event::ImportUndoStarted { import }
            | Event::RowUndone { import, .. }
            | Event::ImportUndone { import, .. }
            | Event::ImportInvitesRefused { import, .. } => Some(key(*import).into()),
            Event::RunRequested { run, source, .. } => {
                asked_by(*run, source).map(|id| key(id).into())
            }
            event => event.row().map(|(_, row)| key(row.import).into()),
        }
    }

    fn evolve(row: Option<Import>, fact: &Fact<'_>) -> Option<Import> {
        if let Event::ImportAccepted { import, files, options, total, warnings } = fact.event {
            let warnings = warnings.len() as u64;
            return Some(Import {
                import: *import,
                file: files.first().cloned(),
                dialect: options.dialect.clone(),
                state: ImportState::Processing,
                counts: Counts { total: *total, warnings, ..Counts::default() },
                undo: None,
                requested_by: fact.commit.actor.clone(),
                started_at: fact.commit.at,
                ended_at: None,
                run: None,
                not_invited: None,
            });
        }
        let mut import = row?;
        if let Some((outcome, row)) = fact.event.row() {
            import.counts.add(outcome, row);
        }
        match fact.event {
            Event::ImportCompleted { counts, .. } => {
                import.counts = *counts;
                import.state = ImportState::Completed;
                import.ended_at = Some(fact.commit.at);
            }
            Event::ImportUndoStarted { .. } => import.undo = Some(UndoCounts::default()),
            Event::RowUndone { outcome, .. } => {
                import.undo.get_or_insert_default().add(*outcome);
            }
            Event::ImportUndone { counts, .. } => {
                import.undo = Some(*counts);
                import.state = ImportState::Undone;
            }
            _ => {}
        }
        match fact.event {
            Event::RunRequested { run, .. } => import.run = Some(*run),
            Event::ImportInvitesRefused { problem, .. } => {
                import.not_invited = Some(problem.clone());
            }
            _ => {}
        }
        Some(import)
    }
}

/// Imports in order, the newest first: an import's id may be chosen by the asker.
#[derive(Debug)]
pub struct ImportOrder;

impl Projection for ImportOrder {
    const TABLE: Table = Table::ImportOrder;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = ImportId;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        matches!(fact.event, Event::ImportAccepted { .. }).then(|| newest_first(fact.version))
    }

    fn evolve(_: Option<ImportId>, fact: &Fact<'_>) -> Option<ImportId> {
        match fact.event {
            Event::ImportAccepted { import, .. } => Some(*import),
            _ => None,
        }
    }
}

/// The import that asked for this run, if one did: the run bears its id.
fn asked_by(run: RunId, source: &Source) -> Option<ImportId> {
    match source {
        Source::Import(import) => Some(*import).filter(|import| import.0 == run.0),
        Source::OrgUnits { .. } | Source::Users(_) | Source::Resend { .. } => None,
    }
}

/// The key of an import's row, and what the keys of its parts begin with.
pub(crate) fn key(import: ImportId) -> [u8; 16] {
    import.0.0.to_be_bytes()
}

/// The import of that id, if there is one.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    import: ImportId,
) -> Result<Option<Import>, RowsError> {
    load::<Imports>(rows, company, &key(import))
}

fn imports(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    page::<ImportOrder, _>(asked, rows, &[], |_, id| {
        Ok([find(rows, asked.company, id)?.map(|import| import.show())])
    })
}

fn import(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    let id: ImportId = asked.required_id("import")?;
    let import = find(rows, asked.company, id)?.ok_or_else(|| not_found("import", &id))?;
    Ok(Answer::Row(import.show()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        Story, accepted, at, column, created_by_row, import, import_completed, requested, row, who,
    };
    use boarding_commands::event::{Channel, PhoneOutcome, RowOutcome, RowRef};
    use boarding_commands::values::Code;

    fn processing() -> Story {
        let added = RowRef { phone: Some(PhoneOutcome::Added), ..row(1, 1) };
        let bad_phone = RowRef {
            phone: Some(PhoneOutcome::Rejected(Code::PhoneInvalid)),
            warnings: vec![Problem::new(Code::PhonePlusAssumed)],
            ..row(1, 2)
        };
        Story::of("acme")
            .then([accepted(1, 4), created_by_row("ann", Some(added))])
            .then([created_by_row("bob", Some(bad_phone))])
            .then([Event::RowRefused {
                user: None,
                row: row(1, 3),
                outcome: RowOutcome::Invalid,
                problems: vec![Problem::in_column("Email", Code::FieldRequired)],
            }])
            .then([Event::UserDeactivated { user: who("ann"), row: None }])
    }

    /// LX-11: the counts are live while the import goes on, phones among them.
    #[test]
    fn an_import_is_counted_while_it_goes_on() {
        assert_eq!(
            processing().ask_row("import", &json!({"import": import(1)})),
            json!({
                "import": import(1), "file_name": "people.csv", "sha256": "ab".repeat(32),
                "dialect": "leapxpert", "state": "processing", "total": 4, "created": 2,
                "updated": 0, "unchanged": 0, "activated": 0, "deactivated": 0, "skipped": 0,
                "duplicate": 0, "invalid": 1, "warnings": 1, "phones_added": 1, "phones_failed": 1,
                "undo": null, "requested_by": "jane@acme.example", "started_at": at(0), "ended_at": null,
                "run": null, "not_invited": null,
            })
        );
    }

    /// P14: once over, the outcomes add up to the data rows.
    #[test]
    fn a_completed_import_shows_its_end_and_its_counts() {
        let counts = Counts { total: 4, created: 2, invalid: 1, skipped: 1, ..Counts::default() };
        let story = processing().then([import_completed(1, counts)]);
        let shown = story.ask_row("import", &json!({"import": import(1)}));
        assert_eq!((&shown["state"], &shown["ended_at"]), (&json!("completed"), &json!(at(4))));
        assert_eq!(counts.done(), shown["total"].as_u64().unwrap());
        assert_eq!(shown["skipped"], 1);
    }

    /// OC-13: an import that invites shows its run, or why there is none; other runs are not its own.
    #[test]
    fn oc_13_an_import_shows_the_run_it_asked_for() {
        let shown = |event| {
            let story = Story::of("acme").then([accepted(1, 1), requested(2, 1), event]);
            story.ask_row("import", &json!({"import": import(1)}))
        };
        let run = RunId(import(1).0);
        let source = Source::Import(import(1));
        let (channel, not_before) = (Channel::Whatsapp, None);
        let asked = shown(Event::RunRequested {
            run,
            channel,
            source,
            total: 1,
            duplicates_removed: 0,
            not_before,
        });
        assert_eq!((&asked["run"], &asked["not_invited"]), (&json!(run), &json!(null)));
        let problem = Problem::new(Code::RunEmptySelection);
        let refused = shown(Event::ImportInvitesRefused { import: import(1), problem });
        assert_eq!(refused["not_invited"]["code"], "run.empty_selection");
        assert_eq!(refused["run"], json!(null));
    }

    #[test]
    fn the_newest_import_is_first_and_an_unknown_one_is_not_found() {
        let story = Story::of("acme").then([accepted(5, 1)]).then([accepted(2, 1)]);
        let imports = story.ask("imports", &json!({}));
        assert_eq!(column(&imports, "import"), [json!(import(2)), json!(import(5))]);
        assert_eq!(story.refused("import", &json!({"import": import(9)})), "query.not_found");
    }
}
