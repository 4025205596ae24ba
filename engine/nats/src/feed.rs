//! The event feed: publishes every durable event in order and without gaps.

mod message;
mod publisher;
mod source;
mod stream;

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{ContextBuilder, PublishError, PublishErrorKind};
use boarding_commands::values::CompanyId;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::limits::{
    FEED_ACK_SECONDS_MAX, FEED_ASK_MILLIS_MAX, FEED_IN_FLIGHT_EVENTS, FEED_RETRY_MILLIS,
    FEED_RETRY_MILLIS_MAX, FEED_YIELD_MILLIS,
};
use boarding_core::engine::{Engine, EngineLog};
use boarding_log::ReadError;

pub use message::{Headers, Message};

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

/// The progress of the feed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Every event up to this position of the log is in the stream.
    pub published: u64,
    /// Why the feed is interrupted. It retries automatically.
    pub trouble: Option<String>,
}

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
    /// The log does not have the last published event: it is not read yet, or an older log was restored.
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
    Ending,
}

impl FeedError {
    /// Whether another engine published first: the known end of the stream is out of date.
    fn is_conflict(&self) -> bool {
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
    answer.is_some_and(|no| no.error_code() == ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT)
}

/// A running feed. It ends when it is dropped; the next one publishes the rest.
///
/// It keeps the log of the engine open. So it must be dropped before the data folder is opened again.
#[derive(Debug)]
pub struct Feed {
    log: EngineLog,
    state: watch::Receiver<State>,
    task: JoinHandle<()>,
}

impl Feed {
    /// Starts to publish the events of the log, existing and new ones.
    ///
    /// Several engines on one log may publish at the same time. Each message names the sequence that it must
    /// follow, and the server rejects it elsewhere. So the stream has the order of the log, also after
    /// interruptions.
    pub fn start(engine: &Engine, client: Client, options: Options) -> Self {
        let log = engine.log();
        let (sender, state) = watch::channel(State::default());
        let time_limit = Duration::from_secs(FEED_ACK_SECONDS_MAX);
        let context = ContextBuilder::new()
            .timeout(Duration::from_millis(FEED_ASK_MILLIS_MAX))
            .ack_timeout(time_limit)
            .max_ack_inflight(FEED_IN_FLIGHT_EVENTS * 4)
            .backpressure_on_inflight(true)
            .build(client);
        let feeder = Feeder { log: log.clone(), context, options, sender };
        Self { log, state, task: tokio::spawn(feeder.run()) }
    }

    /// The progress, as it changes.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// The number of positions that the feed is behind the log.
    pub fn lag(&self) -> u64 {
        self.log.end().saturating_sub(self.state.borrow().published)
    }

    /// Waits until all current events are published, at most this long, and ends the feed. Returns whether
    /// all are published.
    pub async fn finish(mut self, time_limit: Duration) -> bool {
        let end = self.log.end();
        let done = self.state.wait_for(|state| state.published >= end);
        tokio::time::timeout(time_limit, done).await.is_ok_and(|done| done.is_ok())
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The task of the feed.
struct Feeder {
    log: EngineLog,
    context: async_nats::jetstream::Context,
    options: Options,
    sender: watch::Sender<State>,
}

impl Feeder {
    /// Publishes while the log is open. After a fault it reads the end of the stream and continues there.
    async fn run(self) {
        let mut wait_millis = FEED_RETRY_MILLIS;
        loop {
            let before = self.sender.borrow().published;
            let Err(error) = self.follow().await;
            tracing::debug!(error = boarding_log::error_chain(&error), "feed interrupted");
            if matches!(error, FeedError::Ending) {
                return;
            }
            if error.is_conflict() {
                tracing::debug!("another engine publishes the events, waiting");
                wait_millis = FEED_YIELD_MILLIS;
            } else if self.sender.borrow().published > before {
                wait_millis = FEED_RETRY_MILLIS;
            }
            if !error.is_conflict() {
                self.report_trouble(&error);
            }
            tokio::time::sleep(Duration::from_millis(wait_millis)).await;
            wait_millis = (wait_millis * 2).min(FEED_RETRY_MILLIS_MAX);
        }
    }

    /// Continues at the end of the stream.
    async fn follow(&self) -> Result<std::convert::Infallible, FeedError> {
        let stream = stream::open(&self.context, self.options).await?;
        let last = stream::last(&self.context, &stream).await?;
        let max_bytes = self.context.client().server_info().max_payload;
        tracing::debug!(sequence = last.sequence, "end of the event stream read");
        let after = source::Source::after(self.log.clone(), last.event, max_bytes).await?;
        tracing::debug!(position = after.given(), "feed continues");
        self.publish(after, last.sequence).await
    }

    /// Tells how far it is, now that nothing is in the way.
    fn report_published(&self, published: u64) {
        self.sender.send_if_modified(|state| {
            let now = State { published: published.max(state.published), trouble: None };
            let differs = *state != now;
            *state = now;
            differs
        });
    }

    fn report_trouble(&self, error: &FeedError) {
        let text = boarding_log::error_chain(error);
        self.sender.send_if_modified(|state| {
            let differs = state.trouble.as_ref() != Some(&text);
            if differs {
                tracing::warn!(error = %text, "event feed interrupted, retrying");
                state.trouble = Some(text);
            }
            differs
        });
    }
}
