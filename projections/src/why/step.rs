//! The kinds of steps in a chain of events.

use schemars::JsonSchema;
use serde::Serialize;

/// What an event is in the chain from the file to the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// The import of the file was accepted.
    ImportAccepted,
    /// The outcome of the row.
    Row,
    /// The user was created or changed.
    User,
    /// A corporate phone of the user was added or removed.
    Phone,
    /// The user's account or its number of the pool.
    Number,
    /// A mail that is not an invitation.
    Mail,
    /// All rows of the import have an outcome.
    ImportEnded,
    /// Whether and how the import invites its people.
    ImportInvites,
    /// The undo of the import.
    Undo,
    /// The run was requested.
    RunRequested,
    /// The run waits, or no longer waits: for its time, its turn or its mails.
    RunWaiting,
    RunStarted,
    /// The user was listed as a recipient of the run.
    Selected,
    /// An attempt to invite the user was recorded before the invitation was sent.
    Claim,
    /// An attempt failed for now, and is repeated later.
    Retry,
    /// The user's outcome in the run: sent, skipped or failed.
    Outcome,
    /// What mail servers reported later about the invitation.
    Delivery,
    /// The link of the invitation or of the user: used, expired, ended, replaced.
    Link,
    /// The run ended or was withdrawn.
    RunEnded,
}
