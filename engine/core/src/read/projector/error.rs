//! Why the read models have stopped.

use boarding_log::ReadError;
use boarding_projections::projector::ProjectionError;

use crate::read::store::StoreError;

/// Why the read models have stopped. Commands still work; queries fail with this text.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    #[error("read the log for the read models")]
    Log(#[source] ReadError),
    #[error("keep the read models")]
    Store(#[source] StoreError),
    #[error("start the thread of the read models")]
    Thread(#[source] std::io::Error),
    #[error("project an event")]
    Stopped(#[source] ProjectionError),
    /// The rows contain events that the log lacks: the log was truncated or replaced.
    #[error(
        "the read models have seen position {seen} and the log ends at {end}: the log has lost its end; restore a backup into a new folder (boarding restore BACKUP --data NEW); if it is a copy of a folder that was in use, copy that one again"
    )]
    LogIsShorter { seen: u64, end: u64 },
    /// The last applied commit differs from the log.
    #[error(
        "the read models end at position {seen} with another commit than the log: they belong to another log; use the data folder that belongs to it"
    )]
    OtherLog { seen: u64 },
}

impl From<ReadError> for ProjectError {
    fn from(error: ReadError) -> Self {
        Self::Log(error)
    }
}

impl From<StoreError> for ProjectError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
