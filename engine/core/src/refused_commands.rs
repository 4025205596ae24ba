//! The port to the queued commands that were refused or given up. They are not in the log.

use std::fmt;

use boarding_commands::values::{Code, CommandId, CompanyId, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A command of the queue that was refused or given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefusedCommand {
    /// The command's id; null if it could not be read.
    pub id: Option<CommandId>,
    /// The name of the command, from its subject.
    pub name: String,
    pub outcome: RefusedOutcome,
    pub code: Code,
    /// The message of the refusal or failure.
    pub reason: String,
    /// The actor that the command names; null if it could not be read.
    pub actor: Option<String>,
    /// The user of NATS who left the command; null if the server's accounts do not tell.
    pub user: Option<String>,
    /// How often the command was tried.
    pub tries: u64,
    /// When it was refused or given up.
    pub at: Time,
}

/// Why a command is no longer in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefusedOutcome {
    /// The engine refused it.
    Refused,
    /// It failed at every try.
    GivenUp,
}

/// The refused commands of each company.
pub trait RefusedCommands: Send + Sync + fmt::Debug {
    /// The newest refused commands of a company, newest first, each with its number. Only numbers below `before`, at
    /// most `limit`. Blocks; call it on a blocking thread.
    ///
    /// # Errors
    /// The cause, for people. A retry may help.
    fn newest(
        &self,
        company: &CompanyId,
        before: u64,
        limit: usize,
    ) -> Result<Vec<(u64, RefusedCommand)>, String>;
}
