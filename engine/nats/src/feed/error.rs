//! Errors of the feed: the failed operation, its stream or event, and the remedy.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
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
    #[error("read the log for the feed: the engine is stopping")]
    Stopping,
}

impl FeedError {
    /// Whether another engine has published first. Then the known end of the stream is out of date.
    pub(super) fn is_conflict(&self) -> bool {
        match self {
            Self::Publish { source, .. } => {
                source.kind() == PublishErrorKind::WrongLastSequence || is_in_flight(source)
            }
            Self::Misplaced { .. } => true,
            _ => false,
        }
    }
}

/// Whether another engine is publishing the same event at this moment.
fn is_in_flight(error: &PublishError) -> bool {
    let source = std::error::Error::source(error);
    let answer = source.and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>());
    answer.is_some_and(|error| error.error_code() == ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT)
}
