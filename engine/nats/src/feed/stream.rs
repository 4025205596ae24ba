//! The event stream: creates or checks it, and reads its last event.

use std::time::Duration;

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{
    Config, LastRawMessageErrorKind, RawMessageErrorKind, RetentionPolicy, Source, StorageType,
    Stream,
};
use async_nats::jetstream::{Context, ErrorCode};
use boarding_commands::values::Digest;
use serde_json::Value;

use super::error::FeedError;
use super::message::Headers;
use super::source::Last;
use crate::names::{self, EVENT_STREAM, LAST_EVENT_STREAM};

/// Settings of a new event stream.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long events are kept, in seconds; 0 keeps them without limit.
    pub max_age_seconds: u64,
    /// The number of replicas.
    pub copies: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_age_seconds: 0, copies: 1 }
    }
}

/// The end of the stream.
#[derive(Debug)]
pub(super) struct End {
    /// The sequence of the last message.
    pub sequence: u64,
    pub event: Option<Last>,
}

/// Opens the stream, or creates it. Also creates the copy of the last event, if old events are removed.
pub(super) async fn open(context: &Context, options: Options) -> Result<Stream, FeedError> {
    let events = config(options);
    let removes_old_events = events.max_age > Duration::ZERO;
    let stream = context.get_or_create_stream(events).await;
    let stream = stream.map_err(|error| failed("open", EVENT_STREAM, error))?;
    check(&stream.cached_info().config)?;
    if removes_old_events {
        let last = context.get_or_create_stream(config_of_last(options)).await;
        last.map_err(|error| failed("open", LAST_EVENT_STREAM, error))?;
    }
    Ok(stream)
}

fn config(options: Options) -> Config {
    Config {
        name: EVENT_STREAM.to_owned(),
        description: Some("Every event of every company, in the order of the log".to_owned()),
        subjects: vec![names::all_events()],
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        max_age: Duration::from_secs(options.max_age_seconds),
        num_replicas: options.copies,
        deny_delete: true,
        deny_purge: true,
        allow_atomic_publish: true,
        ..Config::default()
    }
}

/// Allows batches on a stream of an earlier version. Returns whether the server does: one before 2.12 accepts the setting
/// and ignores it.
///
/// # Errors
/// When the server does not permit it: an earlier `nats.conf` does not, and the request gets no answer.
pub(super) async fn allow_batches(context: &Context, stream: &Stream) -> Result<bool, FeedError> {
    let config = Config { allow_atomic_publish: true, ..stream.cached_info().config.clone() };
    let updated = context.update_stream(config).await;
    updated
        .map(|info| info.config.allow_atomic_publish)
        .map_err(|error| failed("allow batches on", EVENT_STREAM, error))
}

/// The stream with a copy of the last event. It is needed if old events are removed: after a long time without
/// events, the event stream is empty, and the feed could not find out where to continue.
fn config_of_last(options: Options) -> Config {
    Config {
        name: LAST_EVENT_STREAM.to_owned(),
        description: Some("The last event, so that the feed knows where it is".to_owned()),
        mirror: Some(Source { name: EVENT_STREAM.to_owned(), ..Source::default() }),
        storage: StorageType::File,
        max_messages: 1,
        num_replicas: options.copies,
        deny_delete: true,
        deny_purge: true,
        ..Config::default()
    }
}

/// Rejects a stream that does not acknowledge events, or that removes them for another reason than their age.
fn check(config: &Config) -> Result<(), FeedError> {
    let unsuitable = |what| Err(FeedError::Unsuitable { stream: EVENT_STREAM, what });
    if config.subjects != [names::all_events()] {
        return unsuitable("its subjects are not boarding.v1.*.event.*");
    }
    if config.no_ack || config.sealed {
        return unsuitable("it is sealed or does not acknowledge events");
    }
    if config.retention != RetentionPolicy::Limits {
        return unsuitable("it removes acknowledged events");
    }
    if config.max_messages > 0 || config.max_messages_per_subject > 0 || config.max_bytes > 0 {
        return unsuitable(
            "it limits the number or the size of its events, and removes the oldest",
        );
    }
    Ok(())
}

/// Reads the end of the stream from its leader, because a replica may lack the newest events.
pub(super) async fn last(context: &Context, stream: &Stream) -> Result<End, FeedError> {
    let info = stream
        .get_info()
        .await
        .map_err(|error| failed("read the state of", EVENT_STREAM, error))?;
    let sequence = info.state.last_sequence;
    if sequence == 0 {
        return Ok(End { sequence, event: None });
    }
    let message = match stream.get_raw_message(sequence).await {
        Ok(message) => Some(message),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {
            copy_of_last(context).await?
        }
        Err(error) => return Err(failed("read the end of", EVENT_STREAM, error)),
    };
    if message.is_none() {
        tracing::warn!("last published event not found, publishing from the beginning of the log");
    }
    let event = message.as_ref().map(parse_last).transpose()?;
    Ok(End { sequence, event })
}

/// Reads the copy of the last event, which the event stream has removed.
async fn copy_of_last(context: &Context) -> Result<Option<StreamMessage>, FeedError> {
    let stream = match context.get_stream_no_info(LAST_EVENT_STREAM).await {
        Ok(stream) => stream,
        Err(error) => return Err(failed("open", LAST_EVENT_STREAM, error)),
    };
    match stream.get_last_raw_message_by_subject(&names::all_events()).await {
        Ok(message) => Ok(Some(message)),
        Err(error) => match error.kind() {
            LastRawMessageErrorKind::NoMessageFound => Ok(None),
            LastRawMessageErrorKind::JetStream(why)
                if why.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                Ok(None)
            }
            _ => Err(failed("read", LAST_EVENT_STREAM, error)),
        },
    }
}

/// Reads what the feed must know of the last event.
///
/// # Errors
/// [`FeedError::NotOurs`], with the missing part, if this program did not publish the message.
fn parse_last(message: &StreamMessage) -> Result<Last, FeedError> {
    let not_ours = |what| FeedError::NotOurs { sequence: message.sequence, what };
    let headers = Headers::read(&message.headers).ok_or_else(|| not_ours("its headers"))?;
    let company = headers.company().and_then(|company| company.parse().ok());
    let row: Value = serde_json::from_slice(&message.payload).map_err(|_| not_ours("its JSON"))?;
    let hash = row.get("hash").and_then(|hash| serde_json::from_value::<Digest>(hash.clone()).ok());
    Ok(Last {
        company: company.ok_or_else(|| not_ours("ce-source"))?,
        version: headers.version.parse().map_err(|_| not_ours("Boarding-Version"))?,
        position: headers.position.parse().map_err(|_| not_ours("Boarding-Position"))?,
        hash: hash.ok_or_else(|| not_ours("hash"))?,
    })
}

fn failed(
    operation: &'static str,
    stream: &'static str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> FeedError {
    FeedError::Stream { operation, stream, source: Box::new(error) }
}
