//! Why an append or a read did not succeed: the operation and its object, and whether trying again may help.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use boarding_commands::id::CompanyId;

use super::{APPEND_BYTES_MAX, APPEND_COMMITS_MAX, Head, Place};
use crate::codec::DecodeError;

/// Nothing was appended, or (only for `Broken`) it is not known whether it was.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The company has moved on since the commit was decided: decide anew.
    #[error(
        "append to company {company}: the commit expects version {} (hash {}) and the company is at version {} (hash {})",
        expected.version, expected.hash, actual.version, actual.hash
    )]
    Conflict { company: CompanyId, expected: Head, actual: Head },
    #[error(
        "append {commits} commits of {bytes} bytes: one append takes at most {APPEND_COMMITS_MAX} commits and {APPEND_BYTES_MAX} bytes"
    )]
    TooLarge { commits: usize, bytes: usize },
    /// There is no room; nothing was written. The log takes appends again once there is.
    #[error("make room for an append in {}", path.display())]
    NoSpace { path: PathBuf, source: Arc<io::Error> },
    /// A write failed and its outcome is unknown; the log takes nothing until it is opened again.
    #[error(
        "{operation} {}: the log takes no more appends until it is opened again", path.display()
    )]
    Broken { operation: &'static str, path: PathBuf, source: Arc<io::Error> },
    #[error("append to a log that is closed")]
    Closed,
}

impl AppendError {
    /// Whether the same append may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NoSpace { .. } => true,
            Self::Conflict { .. } | Self::TooLarge { .. } | Self::Broken { .. } | Self::Closed => {
                false
            }
        }
    }
}

/// A commit could not be read. It is there, or was: nothing is skipped.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{operation} {}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("read segment {segment} of the log at byte {offset}: {what}")]
    Damaged { segment: String, offset: u64, what: &'static str },
    #[error("read the commit at position {position}")]
    Decode { position: u64, source: DecodeError },
    #[error("read the log at place {}: no commit stands there", place.0)]
    NoSuchPlace { place: Place },
}

impl ReadError {
    /// Whether the same read may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() == io::ErrorKind::Interrupted,
            Self::Damaged { .. } | Self::Decode { .. } | Self::NoSuchPlace { .. } => false,
        }
    }
}
