//! The settings of optional notifications.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which mails are sent; those to the designated administrators only where there are any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notify {
    /// The summary of an import, to each designated administrator.
    pub batch_report: bool,
    /// A waiting run has started, to the actor who requested it.
    pub run_started: bool,
    /// A run has completed, to the actor who requested it.
    pub run_completed: bool,
    /// That an organization's numbers are running out, to the designated administrators.
    pub number_threshold: bool,
    /// That pending invitations need more numbers than there are, to the designated administrators.
    pub invitations_exceed_numbers: bool,
    /// Which invitations expired, to the designated administrators.
    pub expired_digest: bool,
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            batch_report: true,
            run_started: false,
            run_completed: false,
            number_threshold: false,
            invitations_exceed_numbers: false,
            expired_digest: false,
        }
    }
}
