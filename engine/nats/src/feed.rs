//! The event feed: every event, once durable, is published for other services, in order and without a gap.

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

/// How the stream of events is made, if it is not there.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long events are kept for consumers, in seconds; 0 is for ever.
    pub max_age_seconds: u64,
    /// In how many copies, on as many servers of a cluster.
    pub copies: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_age_seconds: 0, copies: 1 }
    }
}

/// How the feed stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Every event up to this position of the log is in the stream.
    pub published: u64,
    /// What keeps it from going on, in words; it tries again by itself.
    pub trouble: Option<String>,
}

/// Why the feed cannot go on just now.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error("{operation} the stream {stream}")]
    Stream {
        operation: &'static str,
        stream: &'static str,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("use the stream {stream} for events: {what}; move it away, and it is made anew")]
    Unsuitable { stream: &'static str, what: &'static str },
    #[error(
        "read message {sequence} of the events: it was not published by this program ({what}); move the stream away, and it is made anew"
    )]
    NotOurs { sequence: u64, what: &'static str },
    /// The log has yet to come so far, or never will: it was exchanged for an older one.
    #[error(
        "go on after event {version} of company {company}: it was published and the log ends before it; restore the log, or move the stream away if the log is right"
    )]
    Ahead { company: CompanyId, version: u64 },
    #[error(
        "go on after event {version} of company {company}: what was published is not what stands in the log; use the data folder it came from, or move the stream away if this log is right"
    )]
    OtherLog { company: CompanyId, version: u64 },
    #[error("read the log for the feed")]
    Log(#[source] ReadError),
    #[error("publish the event at position {position}")]
    Publish { position: u64, source: PublishError },
    #[error(
        "publish the event at position {position}: it was stored elsewhere than after the last"
    )]
    Misplaced { position: u64 },
    #[error("read the log for the feed: the engine is stopping")]
    Ending,
}

impl FeedError {
    /// Whether another engine has published instead: what we know of the stream's end is out of date.
    fn is_conflict(&self) -> bool {
        match self {
            Self::Publish { source, .. } => {
                source.kind() == PublishErrorKind::WrongLastSequence || is_under_way(source)
            }
            Self::Misplaced { .. } => true,
            _ => false,
        }
    }
}

/// Whether another engine is publishing the same event at this moment.
fn is_under_way(error: &PublishError) -> bool {
    let source = std::error::Error::source(error);
    let answer = source.and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>());
    answer.is_some_and(|no| no.error_code() == ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT)
}

/// A feed at work. It ends when it is dropped; what it has not published by then, the next one will.
///
/// It holds on to the engine's log: it is ended after the engine, and before the data folder is opened again.
#[derive(Debug)]
pub struct Feed {
    log: EngineLog,
    state: watch::Receiver<State>,
    task: JoinHandle<()>,
}

impl Feed {
    /// Begins to publish what is in the engine's log and what comes.
    ///
    /// Any number of engines on the same log may do so. Each message says after which one it has to stand,
    /// and the server refuses it elsewhere; so the stream is the log, whoever wrote it, and whenever it
    /// was interrupted.
    pub fn start(engine: &Engine, client: Client, options: Options) -> Self {
        let log = engine.log();
        let (sender, state) = watch::channel(State::default());
        let patience = Duration::from_secs(FEED_ACK_SECONDS_MAX);
        let context = ContextBuilder::new()
            .timeout(Duration::from_millis(FEED_ASK_MILLIS_MAX))
            .ack_timeout(patience)
            .max_ack_inflight(FEED_IN_FLIGHT_EVENTS * 4)
            .backpressure_on_inflight(true)
            .build(client);
        let feeder = Feeder { log: log.clone(), context, options, sender };
        Self { log, state, task: tokio::spawn(feeder.run()) }
    }

    /// How it stands, as it changes.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// How far it is behind the log, in positions.
    pub fn lag(&self) -> u64 {
        self.log.end().saturating_sub(self.state.borrow().published)
    }

    /// Waits until everything that is in the log now is published, but no longer than this, and ends.
    /// Whether it is all published.
    pub async fn finish(mut self, patience: Duration) -> bool {
        let end = self.log.end();
        let done = self.state.wait_for(|state| state.published >= end);
        tokio::time::timeout(patience, done).await.is_ok_and(|done| done.is_ok())
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The task's own.
struct Feeder {
    log: EngineLog,
    context: async_nats::jetstream::Context,
    options: Options,
    sender: watch::Sender<State>,
}

impl Feeder {
    /// Publishes for as long as the log is open. Whatever fails, the stream itself says where to go on.
    async fn run(self) {
        let mut wait_millis = FEED_RETRY_MILLIS;
        loop {
            let before = self.sender.borrow().published;
            let Err(error) = self.follow().await;
            tracing::debug!(error = boarding_log::error_chain(&error), "the feed stands");
            if matches!(error, FeedError::Ending) {
                return;
            }
            if error.is_conflict() {
                tracing::debug!("another engine publishes the events");
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

    /// Goes on where the stream ends.
    async fn follow(&self) -> Result<std::convert::Infallible, FeedError> {
        let stream = stream::open(&self.context, self.options).await?;
        let last = stream::last(&self.context, &stream).await?;
        let max_bytes = self.context.client().server_info().max_payload;
        tracing::debug!(sequence = last.sequence, "the feed knows where its stream ends");
        let after = source::Source::after(self.log.clone(), last.event, max_bytes).await?;
        tracing::debug!(position = after.given(), "the feed goes on");
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
                tracing::warn!(error = %text, "the event feed waits");
                state.trouble = Some(text);
            }
            differs
        });
    }
}
