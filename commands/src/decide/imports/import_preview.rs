//! The `result` of a preview of an import.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::decide::runs::expected::{EarlierMails, ExpectedOutcomes};
use crate::event::Counts;
use crate::values::{Code, Problem, UserKey};

/// The `result` of a preview of an import: what the import would do.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ImportPreview<'a> {
    /// The digest of the plan. An import that names it does exactly what the plan shows, or is refused.
    pub plan_hash: &'a str,
    pub counts: &'a Counts,
    /// The first rows, in the form of the query `import_rows`.
    #[schemars(with = "Vec<BTreeMap<String, Value>>")]
    pub rows: &'a [Value],
    /// The number of the first data row that is not in `rows`; null if all rows are there.
    pub next: Option<u64>,
    /// Warnings about the whole file.
    pub warnings: &'a [Problem],
    /// The first rows that change values of users: row, line, key, and the old and new values.
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    #[schemars(with = "Vec<BTreeMap<String, Value>>")]
    pub changes: &'a [Value],
    /// Why no person would be invited, although the command wants invitations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_invited: Option<Code>,
    /// Who would be invited, if the command wants invitations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invites: Option<&'a InvitesForecast>,
    /// The numbers that the accounts of the file need.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<&'a NumbersForecast>,
    /// The first rows of each kind that needs attention, if the command asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention: Option<AttentionRows<'a>>,
}

/// The first rows of each kind that needs the attention of an operator, from the whole file, in the form of the query
/// `import_rows`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AttentionRows<'a> {
    #[schemars(with = "Vec<BTreeMap<String, Value>>")]
    pub invalid: &'a [Value],
    #[schemars(with = "Vec<BTreeMap<String, Value>>")]
    pub duplicate: &'a [Value],
    #[schemars(with = "Vec<BTreeMap<String, Value>>")]
    pub skipped: &'a [Value],
    #[schemars(with = "Vec<BTreeMap<String, Value>>")]
    pub activated: &'a [Value],
    /// Rows that would deactivate or archive a person.
    #[schemars(with = "Vec<BTreeMap<String, Value>>")]
    pub deactivated: &'a [Value],
    /// Rows whose person would be imported without the phone.
    #[schemars(with = "Vec<BTreeMap<String, Value>>")]
    pub phone_refused: &'a [Value],
    /// Rows that would be imported with warnings.
    #[schemars(with = "Vec<BTreeMap<String, Value>>")]
    pub warned: &'a [Value],
    /// The cells, phones and rows that would not be taken over, with their lines; empty if there are none.
    pub losses: String,
    /// How many rows change values of users.
    pub changed_rows: u64,
    /// Why no person would be invited, in words.
    pub not_invited: Option<&'a str>,
}

/// Who would be invited after an import.
#[derive(Debug, Serialize, JsonSchema)]
pub struct InvitesForecast {
    pub channel: &'static str,
    #[serde(flatten)]
    pub outcomes: ExpectedOutcomes,
    #[serde(flatten)]
    pub earlier: EarlierMails,
    /// How many of the people are in another run on the channel that has not ended.
    pub in_unfinished_runs: u64,
    /// The first people who would be invited.
    pub people: Vec<UserKey>,
}

/// The numbers of an organization, and the accounts of an import that need one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NumbersForecast {
    pub organization: String,
    /// Accounts of the file that have no number yet.
    pub needed: u64,
    /// Numbers that no account has and no invitation waits for.
    pub available: u64,
}
