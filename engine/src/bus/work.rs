//! What a channel worker outside the engine is handed, and gives back with its report.

use boarding_commands::id::{InvitationId, RunId, UserKey};
use boarding_commands::personal::Personal;
use schemars::JsonSchema;
use serde::Serialize;

/// One invitation to be sent. The report names its run, user, attempt and fence.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Work {
    pub run: RunId,
    pub user: Personal<UserKey>,
    pub email: Personal<String>,
    /// The attempt that this is, from 1.
    pub attempt: u32,
    pub invitation: InvitationId,
    /// The key by which a repeat of the same mail is recognised.
    pub message_id: String,
    /// A report with another fence than this changes nothing.
    pub fence: u64,
}
