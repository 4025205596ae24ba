//! Files, rows and pictures as events describe them: options, outcomes, counts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{Code, ImportId, Problem};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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
}

impl Counts {
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
