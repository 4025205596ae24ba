//! The plan of an import: its counts, its first rows, and the digest that identifies it.

use std::fmt;

use boarding_commands::decide::imports::import_preview::{
    AttentionRows, ImportPreview, InvitesForecast, NumbersForecast,
};
use boarding_commands::event::Counts;
use boarding_commands::values::Problem;
use serde_json::{Value, json};

use super::losses::Losses;

/// What an import would do in the current state of the company.
pub struct ImportPlan {
    /// The digest of the plan. An import that names it does exactly what the plan shows, or is refused.
    pub hash: String,
    pub counts: Counts,
    /// The first rows, in the form of the query `import_rows`.
    pub rows: Vec<Value>,
    /// The number of the first data row that is not in `rows`; `None` if all rows are there. A preview has no
    /// further pages; the query `import_rows` shows all rows after the import.
    pub next: Option<u64>,
    pub attention: Attention,
    /// What the rows would lose.
    pub losses: Losses,
    /// Warnings about the whole file. `counts` includes those that the import itself will record.
    pub warnings: Vec<Problem>,
    /// The first rows that change values of users: row, line, key, and the old and new values.
    pub changed: Vec<Value>,
    /// How many rows change values of users.
    pub changed_rows: u64,
    /// Who would be invited; none if the command wants no invitations.
    pub invites: Option<InvitesForecast>,
    /// The numbers that the accounts of the file need; none if it opens no accounts.
    pub numbers: Option<NumbersForecast>,
    /// Why no person would be invited, although the command wants invitations.
    pub not_invited: Option<Problem>,
    /// The version of the company when the plan was made.
    pub(super) version: u64,
}

/// The first rows of each kind of problem, from the whole file.
#[derive(Clone, PartialEq, Default)]
pub struct Attention {
    pub invalid: Vec<Value>,
    pub duplicate: Vec<Value>,
    pub skipped: Vec<Value>,
    pub activated: Vec<Value>,
    /// Rows that would deactivate or archive a person.
    pub deactivated: Vec<Value>,
    /// Rows whose person would be imported without the phone.
    pub phone_refused: Vec<Value>,
    /// Rows that would be imported with warnings.
    pub warned: Vec<Value>,
}

impl ImportPlan {
    /// The `result` of an accepted preview.
    pub fn result(&self) -> Value {
        json!(self.preview(false))
    }

    /// The same with the rows that need attention.
    pub fn result_with_attention(&self) -> Value {
        json!(self.preview(true))
    }

    fn preview(&self, with_attention: bool) -> ImportPreview<'_> {
        ImportPreview {
            plan_hash: &self.hash,
            counts: &self.counts,
            rows: &self.rows,
            next: self.next,
            warnings: &self.warnings,
            changes: &self.changed,
            not_invited: self.not_invited.as_ref().map(|problem| problem.code),
            invites: self.invites.as_ref(),
            numbers: self.numbers.as_ref(),
            attention: with_attention.then(|| self.attention()),
        }
    }

    fn attention(&self) -> AttentionRows<'_> {
        AttentionRows {
            invalid: &self.attention.invalid,
            duplicate: &self.attention.duplicate,
            skipped: &self.attention.skipped,
            activated: &self.attention.activated,
            deactivated: &self.attention.deactivated,
            phone_refused: &self.attention.phone_refused,
            warned: &self.attention.warned,
            losses: self.losses.text(),
            changed_rows: self.changed_rows,
            not_invited: self.not_invited.as_ref().map(|problem| &*problem.message),
        }
    }
}

/// Never shows the rows, which contain personal data.
impl fmt::Debug for ImportPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hash, counts, version, .. } = self;
        f.debug_struct("Plan")
            .field("hash", hash)
            .field("counts", counts)
            .field("version", version)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Attention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attention(***)")
    }
}
