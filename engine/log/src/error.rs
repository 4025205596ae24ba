//! Errors of appends and reads: the operation, its object, and whether a retry may help.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use boarding_commands::values::CompanyId;

use super::{APPEND_COMMITS_MAX, APPEND_POSITIONS_MAX, CompanyDamage, Head, Location};
use crate::codec::DecodeError;

/// Nothing was appended, or the outcome is unknown ([`AppendError::is_outcome_unknown`]).
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// Another commit was appended after this one was decided: decide again.
    #[error(
        "append to company {company}: the commit expects version {} (hash {}) and the company is at version {} (hash {})",
        expected.version, expected.hash, actual.version, actual.hash
    )]
    Conflict { company: CompanyId, expected: Head, actual: Head },
    #[error(
        "append {commits} commits with {positions} positions and {bytes} bytes: one append takes at most {APPEND_COMMITS_MAX} commits, {APPEND_POSITIONS_MAX} positions and {bytes_max} bytes"
    )]
    TooLarge { commits: usize, positions: u64, bytes: usize, bytes_max: usize },
    /// One append holds commits of one company only.
    #[error(
        "append to companies {first} and {second} at once: one append holds commits of one company"
    )]
    SeveralCompanies { first: CompanyId, second: CompanyId },
    /// The disk is full; nothing was written. Appends succeed again once there is space.
    #[error("reserve space for an append in {}", path.display())]
    NoSpace { path: PathBuf, source: Arc<io::Error> },
    /// A write failed and its outcome is unknown. The log rejects appends until it is opened again.
    #[error(
        "{operation} {}: the log rejects appends until it is opened again; restart the engine", path.display()
    )]
    Broken { operation: &'static str, path: PathBuf, source: Arc<io::Error> },
    /// The server did not confirm the append. Read the company again before deciding again.
    #[error("append to company {company} in stream {stream}: {why}; it may be stored or not")]
    Unknown { company: CompanyId, stream: String, why: String },
    /// The server rejected the append for now and stored nothing.
    #[error("append to company {company} in stream {stream}: {why}")]
    Unavailable { company: CompanyId, stream: String, why: String },
    /// The stream has changed: an append would hide the damage.
    #[error(
        "append to stream {stream}: {what}; nothing is appended until it is restored from a backup"
    )]
    Damaged { stream: String, what: String },
    #[error(
        "append to stream {stream}: positions have reached 2^53, the largest number that JSON holds; use a new stream"
    )]
    Full { stream: String },
    /// Commits of the company are damaged or missing, so nothing may follow them.
    #[error("append to a damaged log: {0}")]
    CompanyDamaged(Box<CompanyDamage>),
    #[error("append to a log that is closed")]
    Closed,
}

impl AppendError {
    /// Whether the same append may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NoSpace { .. } | Self::Unknown { .. } | Self::Unavailable { .. } => true,
            Self::Conflict { .. }
            | Self::TooLarge { .. }
            | Self::SeveralCompanies { .. }
            | Self::Broken { .. }
            | Self::Damaged { .. }
            | Self::CompanyDamaged(_)
            | Self::Full { .. }
            | Self::Closed => false,
        }
    }

    /// Whether the commits may be in the log, now or later.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::Broken { .. } | Self::Unknown { .. })
    }
}

/// A commit could not be read. Readers stop at it and never skip it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{operation} {}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("read segment {segment} of the log at byte {offset}: {what}")]
    Damaged { segment: String, offset: u64, what: &'static str },
    /// The server did not answer in time, or answered that it cannot serve now.
    #[error("read stream {stream} from message {sequence}: {why}")]
    Unavailable { stream: String, sequence: u64, why: String },
    /// A message differs from the appended one, or is missing.
    #[error(
        "read stream {stream}: message {sequence} is damaged: {what}; restore the stream from a backup"
    )]
    DamagedStream { stream: String, sequence: u64, what: String },
    #[error("read the commit at position {position}")]
    Decode { position: u64, source: DecodeError },
    #[error("read the log at location {}: there is no commit at this location", location.0)]
    NoSuchLocation { location: Location },
}

impl ReadError {
    /// Whether the same read may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() == io::ErrorKind::Interrupted,
            Self::Unavailable { .. } => true,
            Self::Damaged { .. }
            | Self::DamagedStream { .. }
            | Self::Decode { .. }
            | Self::NoSuchLocation { .. } => false,
        }
    }
}
