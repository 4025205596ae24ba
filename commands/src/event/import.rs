//! Files, rows and pictures as events describe them: options, outcomes, counts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

use crate::values::{Code, ImportId, Personal, Problem, UserKey};

/// A row of an imported file, as the event it led to names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RowRef {
    pub import: ImportId,
    /// The data row's number, from 1; the header, blank and note rows are not counted.
    pub row: u64,
    /// The physical line of the file on which the row begins, from 1.
    pub line: u64,
    /// The outcome of the phone of the row, if phones are added.
    pub phone: Option<PhoneOutcome>,
    /// The warnings. The reason of a rejected phone is the last of them.
    pub warnings: Vec<Problem>,
    /// Cells and phones of the row that were lost though the row was applied. Absent in older events.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u64,
}

impl RowRef {
    /// A row without anything to say about it.
    pub fn new(import: ImportId, row: u64, line: u64) -> Self {
        Self { import, row, line, phone: None, warnings: Vec::new(), lost: 0 }
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The rows of a file that have no outcome, because they name no person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct IgnoredRows {
    /// Rows of instructions, repeated headers, lines about the file itself.
    pub notes: u64,
    /// Empty lines and rows of blank cells.
    pub blank: u64,
}

impl IgnoredRows {
    /// Whether every row of the file has an outcome.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl RowRef {
    /// Why the phone was rejected, in words. None for events of versions that recorded the code only.
    pub fn phone_problem(&self) -> Option<&Problem> {
        let Some(PhoneOutcome::Rejected(code)) = self.phone else { return None };
        self.warnings.last().filter(|last| last.code == code)
    }

    /// The warnings without the reason of a rejected phone, which is counted as a phone.
    pub fn other_warnings(&self) -> &[Problem] {
        match (self.phone_problem(), self.warnings.as_slice()) {
            (Some(_), [others @ .., _]) => others,
            (_, all) => all,
        }
    }

    /// Rejects the phone of the row for this reason.
    pub(crate) fn reject_phone(&mut self, problem: Problem) {
        self.phone = Some(PhoneOutcome::Rejected(problem.code));
        self.warnings.push(problem);
    }
}

/// The outcome of the phone of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PhoneOutcome {
    Added,
    AlreadyPresent,
    Rejected(Code),
}

/// The outcome of a row.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RowOutcome {
    Created,
    Updated,
    Unchanged,
    Activated,
    Deactivated,
    Skipped,
    Duplicate,
    Invalid,
}

/// How many rows came to which outcome; the outcomes add up to `total` once an import is over.
///
/// The rows of the file are `total`, `notes` and `blank_rows`: every row is in one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
pub struct Counts {
    pub total: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub activated: u64,
    pub deactivated: u64,
    pub skipped: u64,
    pub duplicate: u64,
    pub invalid: u64,
    /// Warnings on rows and on the file.
    pub warnings: u64,
    pub phones_added: u64,
    pub phones_failed: u64,
    /// Cells, phones and rows of the file that were not taken over: each is a reason to look at the file again.
    #[serde(default)]
    pub lost: u64,
    /// Rows of the file that name no person: instructions, repeated headers.
    #[serde(default)]
    pub notes: u64,
    #[serde(default)]
    pub blank_rows: u64,
}

/// Stored counts leave out the last three fields if all are zero, as they were stored before these fields existed.
impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let all = self.named();
        let later = Self::LATER_FIELDS;
        let is_short = !serializer.is_human_readable()
            && all.iter().rev().take(later).all(|(_, count)| *count == 0);
        let written = all.len() - if is_short { later } else { 0 };
        let mut fields = serializer.serialize_struct("Counts", written)?;
        for (name, count) in all.iter().take(written) {
            fields.serialize_field(name, count)?;
        }
        fields.end()
    }
}

impl Counts {
    /// Fields that were added after the first release: the last ones.
    const LATER_FIELDS: usize = 3;

    /// Each count with its name, in stored order.
    fn named(&self) -> [(&'static str, u64); 15] {
        [
            ("total", self.total),
            ("created", self.created),
            ("updated", self.updated),
            ("unchanged", self.unchanged),
            ("activated", self.activated),
            ("deactivated", self.deactivated),
            ("skipped", self.skipped),
            ("duplicate", self.duplicate),
            ("invalid", self.invalid),
            ("warnings", self.warnings),
            ("phones_added", self.phones_added),
            ("phones_failed", self.phones_failed),
            ("lost", self.lost),
            ("notes", self.notes),
            ("blank_rows", self.blank_rows),
        ]
    }

    /// The counts of a file whose rows have no outcome yet.
    pub fn of_file(total: u64, ignored: IgnoredRows, warnings: usize) -> Self {
        let IgnoredRows { notes, blank } = ignored;
        Self { total, notes, blank_rows: blank, warnings: warnings as u64, ..Self::default() }
    }

    /// Counts one row with this outcome.
    pub fn add(&mut self, outcome: RowOutcome, row: &RowRef) {
        *match outcome {
            RowOutcome::Created => &mut self.created,
            RowOutcome::Updated => &mut self.updated,
            RowOutcome::Unchanged => &mut self.unchanged,
            RowOutcome::Activated => &mut self.activated,
            RowOutcome::Deactivated => &mut self.deactivated,
            RowOutcome::Skipped => &mut self.skipped,
            RowOutcome::Duplicate => &mut self.duplicate,
            RowOutcome::Invalid => &mut self.invalid,
        } += 1;
        self.warnings += row.other_warnings().len() as u64;
        self.lost += row.lost;
        match row.phone {
            Some(PhoneOutcome::Added) => self.phones_added += 1,
            Some(PhoneOutcome::Rejected(_)) => self.phones_failed += 1,
            Some(PhoneOutcome::AlreadyPresent) | None => {}
        }
    }

    /// Rows that have an outcome.
    pub fn done(&self) -> u64 {
        self.created
            + self.updated
            + self.unchanged
            + self.activated
            + self.deactivated
            + self.skipped
            + self.duplicate
            + self.invalid
    }
}

/// The outcome of undoing a row.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum UndoOutcome {
    /// The person stands as before the row.
    Reversed,
    /// Something has happened to the person since; everything was left as it is.
    Kept,
    /// It could not be reversed; everything was left as it is.
    Errored,
}

/// How many rows of an undone import came to which outcome; rows that had changed nothing count nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct UndoCounts {
    pub reversed: u64,
    pub kept: u64,
    pub errored: u64,
}

impl UndoCounts {
    /// Counts one row with this outcome.
    pub fn add(&mut self, outcome: UndoOutcome) {
        *match outcome {
            UndoOutcome::Reversed => &mut self.reversed,
            UndoOutcome::Kept => &mut self.kept,
            UndoOutcome::Errored => &mut self.errored,
        } += 1;
    }
}

/// The people that an undo left without a supervisor, because it removed the supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Unsupervised {
    pub total: u64,
    /// The first 500 of them.
    pub users: Vec<Personal<UserKey>>,
}

impl Unsupervised {
    pub fn is_none(&self) -> bool {
        self.total == 0
    }
}

/// An imported file: kept by its sha256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileRef {
    /// The base name, cleaned of what could mislead; at most 255 characters.
    pub name: String,
    /// SHA-256 of its bytes as they came, 64 hexadecimal digits.
    pub sha256: String,
    pub bytes: u64,
}

/// What a picture is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PictureFormat {
    Jpeg,
    Png,
}

/// How a file is to be read and applied, fixed at acceptance so that it resumes the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportOptions {
    pub dialect: String,
    pub existing: Existing,
    pub blank_means: BlankMeans,
    pub add_to_corporate_phones: bool,
    pub send_welcome_email: bool,
    pub assume_plus: bool,
    /// WHATWG name of the encoding, as given or found.
    pub encoding: String,
    pub delimiter: char,
    /// Column names of the file → the dialect's, as the asker mapped them.
    pub columns: BTreeMap<String, String>,
}

/// What a row does to a user who exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Existing {
    Skip,
    Update,
}

/// What a blank cell does to the value of a user who is updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BlankMeans {
    Keep,
    Clear,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::decide::imports::import_file::testing::import_id;

    /// Events are stored as they were before these fields existed.
    #[test]
    fn counts_of_nothing_are_left_out_of_events() {
        let row = |lost| json!(RowRef { lost, ..RowRef::new(import_id(), 1, 2) });
        assert_eq!((row(0).get("lost"), &row(2)["lost"]), (None, &json!(2)));
        let event =
            |name: &str, event: crate::event::Event| -> Value { json!(event)[name].clone() };
        let ended = |total| {
            let (import, counts) = (import_id(), UndoCounts::default());
            let unsupervised = Unsupervised { total, users: vec![] };
            event(
                "ImportUndone",
                crate::event::Event::ImportUndone { import, counts, unsupervised },
            )
        };
        assert!(ended(0).get("unsupervised").is_none() && ended(1)["unsupervised"].is_object());
        let ignored = |notes| IgnoredRows { notes, blank: 0 };
        assert!(ignored(0).is_none() && !ignored(1).is_none());
    }
}
