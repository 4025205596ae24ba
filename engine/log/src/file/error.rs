//! Errors of opening a log in files: each names the file, and damage also the byte.

use std::fmt;
use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use boarding_commands::values::CompanyId;

use super::frame::{FORMAT, FRAME_HEADER, Record};
use crate::codec::{self, DecodeError};

/// The log was not opened. A damaged, shortened or newer log was not changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{operation} {}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    /// Bytes differ from the written ones. The log never skips damaged bytes: restore a backup.
    #[error("open the log: {spot} is damaged: {what}")]
    Damaged { spot: DamageLocation, what: String },
    #[error("open the log: {spot} cannot be read")]
    Unreadable { spot: DamageLocation, source: DecodeError },
    /// The log lacks commits that the heads file names, or the file is of another log.
    #[error(
        "open the log: the log is shorter than the heads file {} says, or not the same: {what}; restore a backup into a new folder (boarding restore BACKUP --data NEW); if it is a copy of a folder that was in use, copy that one again", heads.display()
    )]
    Shorter { heads: PathBuf, what: String },
    /// The log looks whole, and another file knows of commits behind its end.
    #[error(
        "open the log: it ends with position {end}, and commands were answered up to position {answered}: its end is missing; if the data folder is a copy of one that was in use, copy that one again; else restore a backup into a new folder (boarding restore BACKUP --data NEW); or, if the missing commands may be lost, move the files acknowledged and checkpoints out of its folder audit, and remove its folder derived"
    )]
    EndMissing { end: u64, answered: u64 },
    #[error(
        "open the log: segment {segment} is of format {found} and this program reads format {FORMAT}; use a newer program"
    )]
    Newer { segment: String, found: u32 },
}

impl OpenError {
    /// Whether the log lacks bytes that were written, or has others.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Damaged { .. }
                | Self::Unreadable { .. }
                | Self::Shorter { .. }
                | Self::EndMissing { .. }
        )
    }

    /// Whether a later attempt may succeed without a repair.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull)
    }
}

/// A byte in a segment, with the company and version stored there if they can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamageLocation {
    pub segment: String,
    pub offset: u64,
    pub company: Option<CompanyId>,
    pub version: Option<u64>,
    /// The position of the commit's first event.
    pub position: Option<NonZeroU64>,
}

impl fmt::Display for DamageLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {} at byte {}", self.segment, self.offset)?;
        match (&self.company, self.version) {
            (Some(company), Some(version)) => write!(f, " (company {company}, version {version})"),
            _ => f.write_str(" (company and version unreadable)"),
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

/// The start of a segment.
pub(super) fn spot_of_segment(name: &str) -> DamageLocation {
    let segment = name.to_owned();
    DamageLocation { segment, offset: 0, company: None, version: None, position: None }
}

pub(super) fn damaged(spot: DamageLocation, what: &str) -> OpenError {
    OpenError::Damaged { spot, what: what.to_owned() }
}

/// The location of the first record with a wrong checksum in a damaged frame. If all records are right, the location of
/// the frame, with the company and version of its first record.
pub(super) fn spot_of_bad_frame(frame: &[u8], name: &str, at: usize) -> DamageLocation {
    let mut offset = FRAME_HEADER;
    while let Some(bytes) = frame.get(offset..)
        && let Some(total) = Record::total(bytes)
        && Record::parse(bytes).is_some()
    {
        offset += total;
    }
    let spot = spot_of_record(frame.get(offset..).unwrap_or_default(), name, at + offset);
    if spot.company.is_some() {
        return spot;
    }
    let first = spot_of_record(frame.get(FRAME_HEADER..).unwrap_or_default(), name, at);
    DamageLocation { offset: at as u64, ..first }
}

pub(super) fn spot_of_record(bytes: &[u8], name: &str, at: usize) -> DamageLocation {
    let record = Record::trust(bytes);
    let envelope = record.and_then(|record| codec::peek(record.commit).ok());
    DamageLocation {
        segment: name.to_owned(),
        offset: at as u64,
        company: envelope.and_then(|envelope| envelope.company_id().ok()),
        version: envelope.map(|envelope| envelope.first_version),
        position: envelope.and(record).and_then(|record| NonZeroU64::new(record.position)),
    }
}
