//! Why a log cannot be opened: named so that a person can go and look.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use boarding_commands::values::CompanyId;

use super::frame::FORMAT;
use crate::codec::DecodeError;

/// The log was not opened, and nothing of it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{operation} {}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    /// Bytes are not what was written. History is never shortened in silence: restore a backup.
    #[error("open the log: {spot} is damaged: {what}")]
    Damaged { spot: DamageLocation, what: String },
    #[error("open the log: {spot} cannot be read")]
    Unreadable { spot: DamageLocation, source: DecodeError },
    /// What the second place says of the log is not there any more, or is not the same.
    #[error(
        "open the log: the log is shorter than {} says, or not the same: {what}", heads.display()
    )]
    Shorter { heads: PathBuf, what: String },
    #[error(
        "open the log: segment {segment} is of format {found} and this program reads format {FORMAT}; use a newer program"
    )]
    Newer { segment: String, found: u32 },
}

impl OpenError {
    /// Whether opening may succeed later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull)
    }
}

/// A place in the log's files, with the company and version that stand there as far as they are legible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamageLocation {
    pub segment: String,
    pub offset: u64,
    pub company: Option<CompanyId>,
    pub version: Option<u64>,
}

impl fmt::Display for DamageLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {} at byte {}", self.segment, self.offset)?;
        match (&self.company, self.version) {
            (Some(company), Some(version)) => write!(f, " (company {company}, version {version})"),
            _ => f.write_str(" (company and version not legible)"),
        }
    }
}

/// Names the operation and the path of an IO error.
pub(super) fn io_error(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> OpenError + use<> {
    let path = path.to_owned();
    move |source| OpenError::Io { operation, path, source }
}
