//! Rows of imported files: outcome, undo outcome, projections, JSON form.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Event, PhoneOutcome, RowOutcome, UndoOutcome, Who};
use boarding_commands::values::{Code, ImportId, Personal, Phone, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::imports::{self, archives, following};
use crate::projection::Projection;
use crate::query::{AnswerRow, WireEnum, wire_enum};
use crate::rows::Table;

/// A row of an imported file and its outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FileRow {
    pub row: u64,
    pub line: u64,
    /// The user's key in the row's own spelling; none if the row has no key.
    pub key: Option<Who>,
    /// The account that the row opened; none for other rows.
    pub account: Option<RowAccount>,
    pub outcome: RowOutcome,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Problem>,
    pub phone: Option<PhoneOutcome>,
    pub phone_problem: Option<Problem>,
    /// How many cells and phones were not taken over. It is 1 if another row has the key.
    pub lost: u64,
    /// Whether the row archived its user. Its outcome is `Deactivated` then.
    pub archived: bool,
    /// The version of the event that recorded the outcome, for `why`.
    pub version: u64,
}

impl FileRow {
    /// The JSON of the row. `invite` is the recipient's status in the run of the import.
    pub(crate) fn show(
        &self,
        invite: Option<&'static str>,
        undone: Option<&UndoneRow>,
    ) -> AnswerRow {
        AnswerRow::of(&FileRowShown {
            row: self.row,
            line: self.line,
            key: self.key.as_ref(),
            outcome: self.outcome,
            archived: self.archived,
            problems: &self.problems,
            warnings: &self.warnings,
            phone: self.phone.map(phone_text),
            phone_problem: self.phone_problem.as_ref(),
            number: self
                .account
                .as_ref()
                .and_then(|account| account.number.as_ref())
                .map(|_| "assigned"),
            lost: self.lost,
            invite: invite.map(str::to_owned),
            undo: undone.map(UndoneRow::text),
        })
    }
}

/// A row of a file, with its outcome and problems.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FileRowShown<'a> {
    /// The data row's number, from 1.
    row: u64,
    /// The line of the file on which the row starts, from 1.
    line: u64,
    key: Option<&'a Who>,
    outcome: RowOutcome,
    /// Present and true if the row archived its user. Its outcome is `deactivated` then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    archived: bool,
    problems: &'a [Problem],
    warnings: &'a [Problem],
    /// `added`, `already_present`, or `rejected:` and the code; null if the row adds no phone.
    phone: Option<String>,
    /// Why the phone was rejected; null otherwise, and for imports of versions that did not record it.
    phone_problem: Option<&'a Problem>,
    /// `assigned` if the row got a number of the pool. A row whose number cannot be assigned is invalid.
    number: Option<&'static str>,
    /// How many cells and phones of an applied row were not taken over. It is 1 for a row whose key another row has.
    lost: u64,
    /// The status in the integration log of the import's run; null if the import has no run.
    invite: Option<String>,
    /// `reversed`, or `kept:` or `errored:` and the code; null if the row was not undone.
    undo: Option<String>,
}

/// One text for one table cell: `added`, `already_present`, `rejected:phone.invalid`.
fn phone_text(outcome: PhoneOutcome) -> String {
    match outcome {
        PhoneOutcome::Added => "added".to_owned(),
        PhoneOutcome::AlreadyPresent => "already_present".to_owned(),
        PhoneOutcome::Rejected(code) => format!("rejected:{code}"),
    }
}

/// Rows of files by import and row number. One event writes one row, so no row is read before.
#[derive(Debug)]
pub(crate) struct FileRowProjection;

impl Projection for FileRowProjection {
    const TABLE: Table = Table::ImportRows;
    const VERSION: u32 = 7;
    const READS: bool = false;
    type Row = FileRow;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        let (_, row) = recorded.event.row()?;
        Some(key(row.import, row.row))
    }

    fn evolve(_: Option<FileRow>, recorded: &RecordedEvent<'_>) -> Option<FileRow> {
        let (outcome, row) = recorded.event.row()?;
        let problems = match recorded.event {
            Event::RowRefused { problems, .. } => problems.clone(),
            _ => Vec::new(),
        };
        Some(FileRow {
            row: row.row,
            line: row.line,
            key: recorded.event.subjects().user.cloned().map(Personal),
            account: RowAccount::of(recorded),
            outcome,
            problems,
            warnings: row.other_warnings().to_vec(),
            phone: row.phone,
            phone_problem: row.phone_problem().cloned(),
            lost: row.lost,
            archived: archives(recorded),
            version: recorded.version,
        })
    }
}

wire_enum! {
    /// A filter of rows: those with warnings, or those that lost values.
    RowFilter {
        Warnings "warnings"
        Losses "losses"
    }
}

impl RowFilter {
    pub(crate) fn is_of(self, row: &FileRow) -> bool {
        match self {
            Self::Warnings => !row.warnings.is_empty(),
            Self::Losses => row.lost > 0,
        }
    }
}

wire_enum! {
    /// A filter of rows by what happened to their phone.
    PhoneFilter {
        Added "added"
        AlreadyPresent "already_present"
        Rejected "rejected"
    }
}

impl PhoneFilter {
    pub(crate) fn is_of(self, row: &FileRow) -> bool {
        match self {
            Self::Added => row.phone == Some(PhoneOutcome::Added),
            Self::AlreadyPresent => row.phone == Some(PhoneOutcome::AlreadyPresent),
            Self::Rejected => matches!(row.phone, Some(PhoneOutcome::Rejected(_))),
        }
    }
}

/// A filter of rows by outcome. A row that archives its user has the outcome `deactivated`, and a name of its own here.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OutcomeFilter {
    Outcome(RowOutcome),
    Archived,
}

impl OutcomeFilter {
    pub(crate) fn is_of(self, row: &FileRow) -> bool {
        match self {
            Self::Outcome(outcome) => row.outcome == outcome,
            Self::Archived => row.archived,
        }
    }
}

impl WireEnum for OutcomeFilter {
    fn all() -> impl Iterator<Item = Self> {
        RowOutcome::all().map(Self::Outcome).chain([Self::Archived])
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Outcome(outcome) => outcome.as_str(),
            Self::Archived => "archived",
        }
    }
}

/// The outcome of undoing a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UndoneRow {
    pub outcome: UndoOutcome,
    pub code: Option<Code>,
}

impl UndoneRow {
    /// One text for one table cell: `reversed`, `kept:row.changed_since`.
    fn text(&self) -> String {
        match self.code {
            Some(code) => format!("{}:{code}", self.outcome.as_str()),
            None => self.outcome.as_str().to_owned(),
        }
    }
}

/// Undone rows by import and row number. A second table, because the row's first outcome stays.
#[derive(Debug)]
pub(crate) struct UndoneRowProjection;

impl Projection for UndoneRowProjection {
    const TABLE: Table = Table::UndoneRows;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = UndoneRow;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        match recorded.event {
            Event::RowUndone { import, row, .. } => Some(key(*import, *row)),
            _ => None,
        }
    }

    fn evolve(_: Option<UndoneRow>, recorded: &RecordedEvent<'_>) -> Option<UndoneRow> {
        match recorded.event {
            Event::RowUndone { outcome, code, .. } => {
                Some(UndoneRow { outcome: *outcome, code: *code })
            }
            _ => None,
        }
    }
}

/// The key of a row of a file, in both tables.
pub(crate) fn key(import: ImportId, row: u64) -> Vec<u8> {
    [imports::key(import).as_slice(), &row.to_be_bytes()].concat()
}

/// An account as its row opened it. Later changes of the account do not change the report of the import.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RowAccount {
    pub name: Personal<String>,
    pub number: Option<Personal<Phone>>,
}

impl RowAccount {
    fn of(recorded: &RecordedEvent<'_>) -> Option<Self> {
        let Event::UserCreated { person, .. } = recorded.event else { return None };
        let (mut is_account, mut number) = (false, None);
        // The events of the account follow the row's own event, before the event of the next row.
        for event in following(recorded).take_while(|event| event.row().is_none()) {
            match event {
                Event::AccountOpened { .. } => is_account = true,
                Event::NumberAssigned { number: assigned, .. } => number = Some(assigned.clone()),
                _ => {}
            }
        }
        is_account.then(|| Self { name: Personal(person.full_name()), number })
    }
}

impl WireEnum for RowOutcome {
    fn all() -> impl Iterator<Item = Self> {
        [
            Self::Created,
            Self::Updated,
            Self::Unchanged,
            Self::Activated,
            Self::Deactivated,
            Self::Skipped,
            Self::Duplicate,
            Self::Invalid,
        ]
        .into_iter()
    }

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

impl WireEnum for UndoOutcome {
    fn all() -> impl Iterator<Item = Self> {
        [Self::Reversed, Self::Kept, Self::Errored].into_iter()
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Reversed => "reversed",
            Self::Kept => "kept",
            Self::Errored => "errored",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn outcome_names_equal_their_serialized_form() {
        for outcome in UndoOutcome::all() {
            assert_eq!(json!(outcome), json!(outcome.as_str()));
        }
        for outcome in RowOutcome::all() {
            assert_eq!(json!(outcome), json!(outcome.as_str()));
        }
    }
}
