//! The list of a run's people.

use crate::company::UserId;
use crate::values::UserKey;

/// The people of a run, each once, in the order in which they are invited.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    pub picks: Vec<Pick>,
    /// How often a person was named again.
    pub duplicates_removed: u64,
}

/// One person of a selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    Known(UserId),
    /// A key without a user. The recipient will fail as not created.
    New(UserKey),
}
