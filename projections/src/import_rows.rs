//! Import rows: what became of each row of a file, and why (query `import_rows`; LX-12).

use boarding_commands::commit::Fact;
use boarding_commands::event::{Event, Permission, PhoneOutcome, RowOutcome, UndoOutcome, Who};
use boarding_commands::values::{Code, ImportId, Problem, RunId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::integration_log::{self, Entry};
use crate::projection::{Projection, Projector, load};
use crate::query::{Answer, Asked, Param, Query, QueryError, Word, not_found, page, shape_of};
use crate::rows::{Rows, RowsError, Table};
use crate::sheet::Column;
use crate::{ReadModel, imports};

pub const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<ImportRows>(), Projector::of::<UndoneRows>()],
    queries: &[Query {
        name: "import_rows",
        permission: Some(Permission::BulkImportUsers),
        params: &[
            Param::id("import").required().or(&["import_id"]),
            Param::word::<RowOutcome>("outcome").or(&["bucket"]),
            Param::word::<UndoOutcome>("undo"),
        ],
        paged: true,
        row: shape_of::<RowShown>,
        columns: Some(&[
            Column { title: "Row", field: "/row" },
            Column { title: "Line", field: "/line" },
            Column { title: "Key", field: "/key" },
            Column { title: "Outcome", field: "/outcome" },
            Column { title: "Problems", field: "/problems" },
            Column { title: "Warnings", field: "/warnings" },
            Column { title: "Phone", field: "/phone" },
            Column { title: "Number", field: "/number" },
            Column { title: "Invite", field: "/invite" },
            Column { title: "Undo", field: "/undo" },
        ]),
        answer: import_rows,
    }],
};

/// A row of an imported file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportRow {
    pub row: u64,
    pub line: u64,
    /// The user's key as the row spells it; none where it has none.
    pub key: Option<Who>,
    pub outcome: RowOutcome,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Problem>,
    pub phone: Option<PhoneOutcome>,
    /// Whether the account got the number that the row asked for.
    pub number: bool,
}

impl ImportRow {
    /// As it is shown; `invite` says how far the invitation is that the import asked for.
    pub(crate) fn show(&self, invite: Option<&'static str>, undone: Option<&UndoneRow>) -> Value {
        json!(RowShown {
            row: self.row,
            line: self.line,
            key: self.key.as_ref(),
            outcome: self.outcome,
            problems: &self.problems,
            warnings: &self.warnings,
            phone: self.phone.map(phone),
            number: self.number.then_some("assigned"),
            invite: invite.map(str::to_owned),
            undo: undone.map(UndoneRow::in_words),
        })
    }
}

/// What became of a row of a file, and why.
#[derive(Serialize, JsonSchema)]
struct RowShown<'a> {
    /// The data row's number, from 1.
    row: u64,
    /// The physical line of the file on which the row begins, from 1.
    line: u64,
    key: Option<&'a Who>,
    outcome: RowOutcome,
    problems: &'a [Problem],
    warnings: &'a [Problem],
    /// `added`, `already_present`, or `rejected:` and the code; null where no phone was to be added.
    phone: Option<String>,
    /// `assigned` where the row asked for a number of the pool; one that cannot be had makes the row invalid.
    number: Option<&'static str>,
    /// How far the invitation is, where the import invites: a status of the integration log.
    invite: Option<String>,
    /// `reversed`, or `kept:` or `errored:` and the code; null where nothing was undone.
    undo: Option<String>,
}

/// One text, so that a table can show it: `added`, `already_present`, `rejected:phone.invalid`.
fn phone(outcome: PhoneOutcome) -> String {
    match outcome {
        PhoneOutcome::Added => "added".to_owned(),
        PhoneOutcome::AlreadyPresent => "already_present".to_owned(),
        PhoneOutcome::Rejected(code) => format!("rejected:{code}"),
    }
}

/// Rows by import and number. Each is the work of one fact, so nothing is read to write it.
#[derive(Debug)]
pub struct ImportRows;

impl Projection for ImportRows {
    const TABLE: Table = Table::ImportRows;
    const VERSION: u32 = 2;
    const READS: bool = false;
    type Row = ImportRow;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        let (_, row) = fact.event.row()?;
        Some(key(row.import, row.row))
    }

    fn evolve(_: Option<ImportRow>, fact: &Fact<'_>) -> Option<ImportRow> {
        let (outcome, row) = fact.event.row()?;
        let (key, problems) = key_and_problems(fact.event);
        Some(ImportRow {
            row: row.row,
            line: row.line,
            key: key.cloned(),
            outcome,
            problems: problems.to_vec(),
            warnings: row.warnings.clone(),
            phone: row.phone,
            number: got_a_number(fact),
        })
    }
}

/// What came of undoing a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoneRow {
    pub outcome: UndoOutcome,
    pub code: Option<Code>,
}

impl UndoneRow {
    /// One text, as for the phone: `reversed`, `kept:row.changed_since`.
    fn in_words(&self) -> String {
        match self.code {
            Some(code) => format!("{}:{code}", self.outcome.as_str()),
            None => self.outcome.as_str().to_owned(),
        }
    }
}

/// Undone rows by import and number: beside the rows, which stay what they were.
#[derive(Debug)]
pub struct UndoneRows;

impl Projection for UndoneRows {
    const TABLE: Table = Table::UndoneRows;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = UndoneRow;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        match fact.event {
            Event::RowUndone { import, row, .. } => Some(key(*import, *row)),
            _ => None,
        }
    }

    fn evolve(_: Option<UndoneRow>, fact: &Fact<'_>) -> Option<UndoneRow> {
        match fact.event {
            Event::RowUndone { outcome, code, .. } => {
                Some(UndoneRow { outcome: *outcome, code: *code })
            }
            _ => None,
        }
    }
}

fn key(import: ImportId, row: u64) -> Vec<u8> {
    [imports::key(import).as_slice(), &row.to_be_bytes()].concat()
}

/// Whether the facts of the row, which follow its own in one commit, give the account a number.
fn got_a_number(fact: &Fact<'_>) -> bool {
    let nth = usize::try_from(fact.version - fact.commit.first_version).unwrap_or(usize::MAX);
    let rest = fact.commit.events.iter().skip(nth.saturating_add(1));
    rest.take_while(|event| event.row().is_none())
        .any(|event| matches!(event, Event::NumberAssigned { import: Some(_), .. }))
}

fn key_and_problems(event: &Event) -> (Option<&Who>, &[Problem]) {
    match event {
        Event::RowRefused { user, problems, .. } => (user.as_ref(), problems),
        Event::UserCreated { user, .. }
        | Event::UserUpdated { user, .. }
        | Event::UserActivated { user, .. }
        | Event::UserDeactivated { user, .. }
        | Event::RowUnchanged { user, .. } => (Some(user), &[]),
        _ => (None, &[]),
    }
}

impl Word for RowOutcome {
    const ALL: &'static [Self] = &[
        Self::Created,
        Self::Updated,
        Self::Unchanged,
        Self::Activated,
        Self::Deactivated,
        Self::Skipped,
        Self::Duplicate,
        Self::Invalid,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Activated => "activated",
            Self::Deactivated => "deactivated",
            Self::Skipped => "skipped",
            Self::Duplicate => "duplicate",
            Self::Invalid => "invalid",
        }
    }
}

impl Word for UndoOutcome {
    const ALL: &'static [Self] = &[Self::Reversed, Self::Kept, Self::Errored];

    fn as_str(self) -> &'static str {
        match self {
            Self::Reversed => "reversed",
            Self::Kept => "kept",
            Self::Errored => "errored",
        }
    }
}

fn import_rows(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    let id: ImportId = asked.required_id("import")?;
    let outcome = asked.word::<RowOutcome>("outcome")?;
    let undo = asked.word::<UndoOutcome>("undo")?;
    let import = imports::find(rows, asked.company, id)?.ok_or_else(|| not_found("import", &id))?;
    page::<ImportRows, _>(asked, rows, &imports::key(id), |_, row| {
        if outcome.is_some_and(|outcome| row.outcome != outcome) {
            return Ok([None]);
        }
        let undone = match import.undo {
            Some(_) => load::<UndoneRows>(rows, asked.company, &key(id, row.row))?,
            None => None,
        };
        let wanted = undo.is_none_or(|undo| undone.as_ref().is_some_and(|row| row.outcome == undo));
        if !wanted {
            return Ok([None]);
        }
        let invite = match import.run {
            Some(run) => entry(asked, rows, run, &row)?.map(|entry| entry.status.as_str()),
            None => None,
        };
        Ok([Some(row.show(invite, undone.as_ref()))])
    })
}

/// How the row's person stands in the import's run; a duplicate is told of by the first row of its key.
pub(crate) fn entry(
    asked: &Asked<'_>,
    rows: &dyn Rows,
    run: RunId,
    row: &ImportRow,
) -> Result<Option<Entry>, RowsError> {
    let Some(key) = row.key.as_ref().filter(|_| row.outcome != RowOutcome::Duplicate) else {
        return Ok(None);
    };
    integration_log::find(rows, asked.company, run, &key.folded())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Story, accepted, column, created_by_row, import, row, who};
    use boarding_commands::event::RowRef;
    use boarding_commands::values::Code;

    fn story() -> Story {
        let with_phone = |n, phone| RowRef { phone: Some(phone), ..row(1, n) };
        let rejected = PhoneOutcome::Rejected(Code::PhoneInvalid);
        Story::of("acme")
            .then([accepted(1, 300)])
            .then([created_by_row("Ann", Some(with_phone(1, PhoneOutcome::Added)))])
            .then([created_by_row("bob", Some(with_phone(2, rejected)))])
            .then([Event::RowUnchanged {
                user: who("cid"),
                row: with_phone(256, PhoneOutcome::AlreadyPresent),
            }])
            .then([Event::RowRefused {
                user: None,
                row: RowRef { warnings: vec![Problem::new(Code::PhonePlusAssumed)], ..row(1, 3) },
                outcome: RowOutcome::Invalid,
                problems: vec![Problem::in_column("Email", Code::FieldInvalidEmail)],
            }])
    }

    /// LX-12: a phone that was not added says why, beside a user who was created all the same.
    #[test]
    fn a_row_shows_its_outcome_and_its_phones_own() {
        let rows = story().ask("import_rows", &json!({"import": import(1)}));
        assert_eq!(column(&rows, "row"), [1, 2, 3, 256].map(|n| json!(n)));
        assert_eq!(
            column(&rows, "phone"),
            [
                json!("added"),
                json!("rejected:phone.invalid"),
                json!(null),
                json!("already_present")
            ]
        );
        assert_eq!(column(&rows, "key"), [json!("Ann"), json!("bob"), json!(null), json!("cid")]);
        assert_eq!(
            rows[2],
            json!({"row": 3, "line": 4, "key": null, "outcome": "invalid",
                "problems": [{"column": "Email", "code": "field.invalid_email",
                    "message": Code::FieldInvalidEmail.text()}],
                "warnings": [{"column": null, "code": "phone.plus_assumed",
                    "message": Code::PhonePlusAssumed.text()}],
                "phone": null, "number": null, "invite": null, "undo": null})
        );
    }

    #[test]
    fn rows_are_filtered_by_outcome_and_an_unknown_import_is_not_found() {
        let story = story();
        let of = |outcome: &str| {
            let params = json!({"import": import(1), "outcome": outcome});
            column(&story.ask("import_rows", &params), "row")
        };
        assert_eq!(of("created"), [json!(1), json!(2)]);
        assert_eq!(of("duplicate"), Vec::<Value>::new());
        assert_eq!(story.refused("import_rows", &json!({"import": import(2)})), "query.not_found");
    }

    /// P23: beside what became of a row then stands what came of undoing it.
    #[test]
    fn p23_an_undone_row_says_what_came_of_it() {
        let undone = |row, outcome, code| Event::RowUndone {
            import: import(1),
            row,
            user: who("ann"),
            outcome,
            code,
        };
        let story = story()
            .then([Event::ImportUndoStarted { import: import(1) }])
            .then([undone(1, UndoOutcome::Reversed, None)])
            .then([undone(2, UndoOutcome::Kept, Some(Code::RowChangedSince))]);
        let all = json!({"import": import(1)});
        let shown = [json!("reversed"), json!("kept:row.changed_since"), json!(null), json!(null)];
        assert_eq!(column(&story.ask("import_rows", &all), "undo"), shown);
        let kept = json!({"import": import(1), "undo": "kept"});
        assert_eq!(column(&story.ask("import_rows", &kept), "row"), [json!(2)]);
        let row = story.ask_row("import", &all);
        let counts = json!({"reversed": 1, "kept": 1, "errored": 0});
        assert_eq!((&row["state"], &row["undo"]), (&json!("processing"), &counts));
        let counts = boarding_commands::event::UndoCounts { reversed: 1, kept: 1, errored: 0 };
        let story = story.then([Event::ImportUndone { import: import(1), counts }]);
        let row = story.ask_row("import", &all);
        assert_eq!((&row["state"], &row["created"]), (&json!("undone"), &json!(2)));
    }

    #[test]
    fn the_outcomes_are_spelled_as_the_events_spell_them() {
        for outcome in UndoOutcome::ALL {
            assert_eq!(json!(outcome), json!(outcome.as_str()));
        }
        for outcome in RowOutcome::ALL {
            assert_eq!(json!(outcome), json!(outcome.as_str()));
        }
    }
}
