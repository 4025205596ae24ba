//! Imports: the file, state and counts of each (queries `imports`, `import`).

use boarding_commands::event::{Counts, Permission, UndoCounts, Unsupervised};
use boarding_commands::values::{ImportId, Personal, Problem, RunId, Time};
use schemars::JsonSchema;
use serde::Serialize;

use crate::projector::Projector;
use crate::query::{
    Access, AnswerRow, Newest, Param, Query, QueryError, QueryRequest, RowsAnswer, WireName,
    not_found, page, schema_of,
};
use crate::read_model::ReadModel;
use crate::rows::Rows;
use crate::tables::imports::{
    self, ImportOrderProjection, ImportProjection, ImportRow, ImportStatus,
};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<ImportProjection>(), Projector::of::<ImportOrderProjection>()],
    queries: &[
        Query {
            name: "imports",
            access: Access::Permission(Permission::BulkImportUsers),
            params: &[],
            paged: true,
            row: schema_of::<ImportShown>,
            csv: None,
            answer: imports,
        },
        Query {
            name: "import",
            access: Access::ImportOutcome,
            params: &[Param::id_or_latest("import", Newest::Import)
                .required()
                .aliases(&["import_id"])],
            paged: false,
            row: schema_of::<ImportShown>,
            csv: None,
            answer: import,
        },
    ],
};

impl ImportRow {
    fn show(&self) -> AnswerRow {
        AnswerRow::of(&ImportShown {
            import: self.import,
            file_name: self.file.as_ref().map(|file| file.name.as_str()),
            sha256: self.file.as_ref().map(|file| file.sha256.as_str()),
            dialect: &self.dialect,
            state: WireName(self.state),
            counts: self.counts,
            archived: self.archived,
            existing: self.existing,
            undo: self.undo.map(|counts| UndoShown {
                counts,
                unsupervised: Some(&self.unsupervised).filter(|left| !left.is_none()),
            }),
            requested_by: &self.requested_by,
            started_at: self.started_at,
            ended_at: self.ended_at,
            run: self.run,
            not_invited: self.not_invited.as_ref(),
        })
    }
}

/// An import, its state and its counts.
#[derive(Serialize, JsonSchema)]
struct ImportShown<'a> {
    import: ImportId,
    file_name: Option<&'a str>,
    sha256: Option<&'a str>,
    dialect: &'a str,
    state: WireName<ImportStatus>,
    #[serde(flatten)]
    counts: Counts,
    /// How many rows archived their users; absent if none did. They are counted as `deactivated` too.
    #[serde(skip_serializing_if = "is_none")]
    archived: u64,
    /// How many rows changed nothing because their users existed; absent if none did. They are counted as `skipped` or
    /// `duplicate` too.
    #[serde(skip_serializing_if = "is_none")]
    existing: u64,
    /// The counts of undone rows; null until an undo starts.
    undo: Option<UndoShown<'a>>,
    requested_by: &'a Personal<String>,
    started_at: Time,
    ended_at: Option<Time>,
    /// The run that the import requested for its people.
    run: Option<RunId>,
    /// Why the requested run was refused.
    not_invited: Option<&'a Problem>,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

/// What an undo did.
#[derive(Serialize, JsonSchema)]
struct UndoShown<'a> {
    #[serde(flatten)]
    counts: UndoCounts,
    /// The people that the undo left without a supervisor. Absent if there are none, and until the undo has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsupervised: Option<&'a Unsupervised>,
}

fn imports(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    page::<ImportOrderProjection, _>(request, rows, &[], |_, id| {
        Ok([imports::find(rows, request.company, id)?.map(|import| import.show())])
    })
}

fn import(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    let id: ImportId = request.required_id("import")?;
    let import =
        imports::find(rows, request.company, id)?.ok_or_else(|| not_found("import", &id))?;
    Ok(RowsAnswer::Row(import.show()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        TestCompany, accepted, at, column, created_by_row, import, import_completed, requested,
        row, who,
    };
    use boarding_commands::event::{Channel, Event, PhoneOutcome, RowOutcome, RowRef, Source};
    use boarding_commands::values::Code;
    use serde_json::json;

    fn processing() -> TestCompany {
        let added = RowRef { phone: Some(PhoneOutcome::Added), ..row(1, 1) };
        let bad_phone = RowRef {
            phone: Some(PhoneOutcome::Rejected(Code::PhoneInvalid)),
            warnings: vec![Problem::new(Code::PhonePlusAssumed)],
            ..row(1, 2)
        };
        TestCompany::new("acme")
            .commit([accepted(1, 4), created_by_row("ann", Some(added))])
            .commit([created_by_row("bob", Some(bad_phone))])
            .commit([Event::RowRefused {
                user: None,
                row: row(1, 3),
                outcome: RowOutcome::Invalid,
                problems: vec![Problem::in_column("Email", Code::FieldRequired)],
            }])
            .commit([Event::UserDeactivated { user: who("ann"), row: None }])
    }

    /// LX-11: rows and phones are counted.
    #[test]
    fn running_import_shows_its_counts_so_far() {
        assert_eq!(
            processing().query_row("import", &json!({"import": import(1)})),
            json!({
                "import": import(1), "file_name": "people.csv", "sha256": "ab".repeat(32),
                "dialect": "leapxpert", "state": "processing", "total": 4, "created": 2,
                "updated": 0, "unchanged": 0, "activated": 0, "deactivated": 0, "skipped": 0,
                "duplicate": 0, "invalid": 1, "warnings": 1, "phones_added": 1, "phones_failed": 1,
                "lost": 0, "notes": 0, "blank_rows": 0,
                "undo": null, "requested_by": "jane@acme.example", "started_at": at(0), "ended_at": null,
                "run": null, "not_invited": null,
            })
        );
    }

    /// P14: the outcomes add up to the number of data rows.
    #[test]
    fn completed_import_shows_its_end_and_its_counts() {
        let counts = Counts { total: 4, created: 2, invalid: 1, skipped: 1, ..Counts::default() };
        let company = processing().commit([import_completed(1, counts)]);
        let shown = company.query_row("import", &json!({"import": import(1)}));
        assert_eq!((&shown["state"], &shown["ended_at"]), (&json!("completed"), &json!(at(4))));
        assert_eq!(counts.done(), shown["total"].as_u64().unwrap());
        assert_eq!(shown["skipped"], 1);
    }

    /// OC-13: the import shows its run or the refusal, but no run that a client requested.
    #[test]
    fn import_shows_the_run_that_it_requested() {
        let shown = |event| {
            let company = TestCompany::new("acme").commit([accepted(1, 1), requested(2, 1), event]);
            company.query_row("import", &json!({"import": import(1)}))
        };
        // The run that an import requests has the id of the import.
        let run = RunId(import(1).0);
        let source = Source::Import(import(1));
        let (channel, not_before) = (Channel::Whatsapp, None);
        let with_run = shown(Event::RunRequested {
            run,
            channel,
            source,
            total: 1,
            duplicates_removed: 0,
            not_before,
            list_version: None,
        });
        assert_eq!((&with_run["run"], &with_run["not_invited"]), (&json!(run), &json!(null)));
        let problem = Problem::new(Code::RunEmptySelection);
        let refused = shown(Event::ImportInvitesRefused { import: import(1), problem });
        assert_eq!(refused["not_invited"]["code"], "run.empty_selection");
        assert_eq!(refused["run"], json!(null));
    }

    #[test]
    fn newest_import_is_first_and_unknown_one_not_found() {
        let company = TestCompany::new("acme").commit([accepted(5, 1)]).commit([accepted(2, 1)]);
        let imports = company.query("imports", &json!({}));
        assert_eq!(column(&imports, "import"), [json!(import(2)), json!(import(5))]);
        assert_eq!(company.refusal("import", &json!({"import": import(9)})), "query.not_found");
    }
}
