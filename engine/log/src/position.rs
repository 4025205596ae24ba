//! Where commits are in the log: positions, versions and storage locations.

use boarding_commands::commit::RecordedCommit;
use boarding_commands::values::{CompanyId, Digest};
use serde::{Deserialize, Serialize};

/// A commit in the log, and its storage location.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub location: Location,
    pub recorded: RecordedCommit,
}

/// Where a commit is stored, for [`EventLog::read_at`](crate::EventLog::read_at). A later commit has a larger location. The
/// location never changes, and has no meaning in another log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Location(pub u64);

/// The end of a company's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// The version of its last event, 0 before the first.
    pub version: u64,
    /// The hash of its last commit, zeros before the first.
    pub hash: Digest,
}

/// The ends of all streams at one position of the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogHeads {
    /// The last position of the log.
    pub end: u64,
    /// In the order of the companies' ids.
    pub companies: Vec<(CompanyId, Head)>,
}

/// Where an appended commit is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The position of its first event.
    pub position: u64,
    pub last_position: u64,
    /// The company's version after it.
    pub last_version: u64,
    pub hash: Digest,
    pub location: Location,
}

/// The commit of a command: what the engine needs to answer a repeated command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandLocation {
    pub first_version: u64,
    /// The digest of the command's name and body. The same id with another digest is a conflict.
    pub body: Digest,
    pub position: u64,
    pub location: Location,
}
