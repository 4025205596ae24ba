//! Errors of the feed: the failed operation, its stream or event, and the remedy.

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::{self, ErrorCode};
use boarding_commands::values::CompanyId;
use boarding_log::ReadError;

/// Why the feed is interrupted.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error("{operation} the stream {stream}")]
    Stream {
        operation: &'static str,
        stream: &'static str,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(
        "use the stream {stream} for events: {what}; remove it, then the engine creates it again"
    )]
    Unsuitable { stream: &'static str, what: &'static str },
    #[error(
        "read message {sequence} of the events: it was not published by this program ({what}); remove the stream, then the engine creates it again"
    )]
    NotOurs { sequence: u64, what: &'static str },
    /// The log does not have the last published event. Either this engine has not read it yet, or the log was restored
    /// from an older backup.
    #[error(
        "continue after event {version} of company {company}: it was published, but the log ends before it; restore the log, or remove the stream if the log is right"
    )]
    Ahead { company: CompanyId, version: u64 },
    #[error(
        "continue after event {version} of company {company}: the published event differs from the log; use the right data folder, or remove the stream if this log is right"
    )]
    OtherLog { company: CompanyId, version: u64 },
    #[error("read the log for the feed")]
    Log(#[source] ReadError),
    #[error("publish the event at position {position}")]
    Publish { position: u64, source: PublishError },
    #[error(
        "publish the event at position {position}: the server stored it at an unexpected sequence"
    )]
    Misplaced { position: u64 },
    #[error(
        "publish the events up to position {position}: the server stored only a part of them, so the feed has ended; stop the engine, remove the stream BOARDING_EVENTS, and start the engine: it publishes all events again"
    )]
    Torn { position: u64 },
    #[error("read the log for the feed: the engine is stopping")]
    Stopping,
}

impl FeedError {
    /// Whether another engine has published first. Then the known end of the stream is out of date.
    pub(super) fn is_conflict(&self) -> bool {
        match self {
            Self::Publish { source, .. } => {
                source.kind() == PublishErrorKind::WrongLastSequence
                    || server_code(source).is_some_and(|code| PUBLISHED_FIRST.contains(&code))
            }
            Self::Misplaced { .. } => true,
            _ => false,
        }
    }

    /// Whether the server rejected the batch itself. It accepts the same events one by one.
    pub(super) fn is_refused_batch(&self) -> bool {
        match self {
            Self::Publish { source, .. } => {
                server_code(source).is_some_and(|code| NO_BATCH.contains(&code))
            }
            _ => false,
        }
    }

    /// Whether the fault stays until an operator repairs it. Other faults may end without help.
    pub(super) fn needs_a_person(&self) -> bool {
        matches!(
            self,
            Self::Unsuitable { .. }
                | Self::NotOurs { .. }
                | Self::OtherLog { .. }
                | Self::Torn { .. }
        )
    }
}

/// The error codes of the server if another engine publishes, or has published, the same events.
const PUBLISHED_FIRST: [ErrorCode; 3] = [
    ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT,
    ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT,
    ErrorCode::ATOMIC_PUBLISH_CONTAINS_DUPLICATE_MESSAGE,
];

/// The error codes of the server for a rejected batch: its setting or its limit has changed, a restart lost the first
/// part, or too many unfinished batches of dead engines wait for their timeout.
const NO_BATCH: [ErrorCode; 5] = [
    ErrorCode::ATOMIC_PUBLISH_DISABLED,
    // Server 2.12.0 accepts no message ids in a batch.
    ErrorCode::ATOMIC_PUBLISH_UNSUPPORTED_HEADER,
    ErrorCode::ATOMIC_PUBLISH_INCOMPLETE_BATCH,
    ErrorCode::ATOMIC_PUBLISH_TOO_LARGE_BATCH,
    ErrorCode::ATOMIC_PUBLISH_TOO_MANY_INFLIGHT,
];

/// The error code in the server's answer to a publish.
fn server_code(error: &PublishError) -> Option<ErrorCode> {
    let source = std::error::Error::source(error)?;
    source.downcast_ref::<jetstream::Error>().map(jetstream::Error::error_code)
}
