//! Why an append or a read did not succeed: the operation and its object, and whether trying again may help.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use boarding_commands::values::CompanyId;

use super::{APPEND_COMMITS_MAX, APPEND_POSITIONS_MAX, Head, Location};
use crate::codec::DecodeError;

/// Nothing was appended, or ([`AppendError::is_outcome_unknown`]) it is not known whether it was.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The company has moved on since the commit was decided: decide anew.
    #[error(
        "append to company {company}: the commit expects version {} (hash {}) and the company is at version {} (hash {})",
        expected.version, expected.hash, actual.version, actual.hash
    )]
    Conflict { company: CompanyId, expected: Head, actual: Head },
    #[error(
        "append {commits} commits with {positions} positions and {bytes} bytes: one append takes at most {APPEND_COMMITS_MAX} commits, {APPEND_POSITIONS_MAX} positions and {bytes_max} bytes"
    )]
    TooLarge { commits: usize, positions: u64, bytes: usize, bytes_max: usize },
    /// This log appends one company's commits at a time.
    #[error("append to companies {first} and {second} at once: one append is of one company")]
    SeveralCompanies { first: CompanyId, second: CompanyId },
    /// There is no room; nothing was written. The log takes appends again once there is.
    #[error("make room for an append in {}", path.display())]
    NoSpace { path: PathBuf, source: Arc<io::Error> },
    /// A write failed and its outcome is unknown; the log takes nothing until it is opened again.
    #[error(
        "{operation} {}: the log takes no more appends until it is opened again", path.display()
    )]
    Broken { operation: &'static str, path: PathBuf, source: Arc<io::Error> },
    /// The server did not say whether it keeps the append. Read the company again before deciding anew.
    #[error("append to company {company} in stream {stream}: {why}; it may be stored or not")]
    Unknown { company: CompanyId, stream: String, why: String },
    /// The server refused the append for now, and stored nothing.
    #[error("append to company {company} in stream {stream}: {why}")]
    Unavailable { company: CompanyId, stream: String, why: String },
    /// The stream is not what it was: appending to it would hide that.
    #[error(
        "append to stream {stream}: {what}; nothing is appended until it is restored from a backup"
    )]
    Damaged { stream: String, what: String },
    #[error(
        "append to stream {stream}: JSON holds no position after its last one; go on in a new stream"
    )]
    Full { stream: String },
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
            | Self::Full { .. }
            | Self::Closed => false,
        }
    }

    /// Whether it may have been appended nevertheless, or may still be.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::Broken { .. } | Self::Unknown { .. })
    }
}

/// A commit could not be read. It is there, or was: nothing is skipped.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{operation} {}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("read segment {segment} of the log at byte {offset}: {what}")]
    Damaged { segment: String, offset: u64, what: &'static str },
    /// The server did not answer in time, or said that it cannot now.
    #[error("read stream {stream} from message {sequence}: {why}")]
    Unavailable { stream: String, sequence: u64, why: String },
    /// A message is not what was appended, or is not there any more.
    #[error(
        "read stream {stream}: message {sequence} is damaged: {what}; restore the stream from a backup"
    )]
    DamagedStream { stream: String, sequence: u64, what: String },
    #[error("read the commit at position {position}")]
    Decode { position: u64, source: DecodeError },
    #[error("read the log at place {}: no commit stands there", location.0)]
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
