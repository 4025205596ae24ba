//! The event feed: publishes every durable event in order and without gaps.

mod error;
mod message;
mod mode;
mod publisher;
mod source;
mod stream;

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::stream::Stream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::limits::{
    FEED_ALLOW_TRIES_MAX, FEED_ASK_MILLIS_MAX, FEED_BATCH_SECONDS_MAX, FEED_IN_FLIGHT_EVENTS,
    FEED_RETRY_MILLIS, FEED_RETRY_MILLIS_MAX, FEED_SINGLE_EVENTS, FEED_WARN_TRIES,
    FEED_YIELD_MILLIS,
};
use boarding_core::clock::Clock;
use boarding_core::engine::{Engine, EngineLog};

use mode::Mode;

pub use error::FeedError;
pub use message::{EventMessage, Headers};
pub use stream::Options;

/// The progress of the feed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Every event up to this position of the log is in the stream.
    pub published: u64,
    /// Why the feed is interrupted. It retries automatically.
    pub trouble: Option<String>,
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
        let context = ContextBuilder::new()
            .timeout(Duration::from_millis(FEED_ASK_MILLIS_MAX))
            .build(client.clone());
        let time_limit = Duration::from_secs(FEED_BATCH_SECONDS_MAX);
        let publishing = ContextBuilder::new()
            .timeout(time_limit)
            .ack_timeout(time_limit)
            .max_ack_inflight(FEED_IN_FLIGHT_EVENTS * 4)
            .backpressure_on_inflight(true)
            .build(client);
        let feeder = Feeder {
            log: log.clone(),
            clock: engine.clock().clone(),
            context,
            publishing,
            options,
            sender,
            allow_tries: 0,
        };
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
    /// Makes the ids of batches.
    clock: Clock,
    /// Asks about streams.
    context: async_nats::jetstream::Context,
    /// Publishes. It waits longer for an answer.
    publishing: async_nats::jetstream::Context,
    options: Options,
    sender: watch::Sender<State>,
    /// How often the feed has tried to allow batches on the stream.
    allow_tries: u32,
}

impl Feeder {
    /// Publishes while the log is open. After a fault it reads the end of the stream and continues there.
    async fn run(mut self) {
        let (mut wait_millis, mut tries, mut singles) = (FEED_RETRY_MILLIS, 0, 0);
        loop {
            let before = self.sender.borrow().published;
            let Err(error) = self.follow(singles).await;
            tracing::debug!(error = boarding_log::error_chain(&error), "feed interrupted");
            if matches!(error, FeedError::Stopping) {
                return;
            }
            if self.sender.borrow().published > before {
                (wait_millis, tries) = (FEED_RETRY_MILLIS, 0);
            }
            singles = if error.is_refused_batch() { FEED_SINGLE_EVENTS } else { 0 };
            if error.is_conflict() {
                tracing::debug!("another engine publishes the events, waiting");
                wait_millis = FEED_YIELD_MILLIS;
            } else if singles == 0 {
                tries += 1;
                self.report_trouble(&error, tries);
            }
            // What a server lost inside a batch cannot be put back into its place.
            if matches!(error, FeedError::Torn { .. }) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(wait_millis)).await;
            wait_millis = (wait_millis * 2).min(FEED_RETRY_MILLIS_MAX);
        }
    }

    /// Continues at the end of the stream. Publishes this many events one by one before the first batch.
    async fn follow(&mut self, singles: usize) -> Result<std::convert::Infallible, FeedError> {
        let stream = stream::open(&self.context, self.options).await?;
        let mode = Mode { batches: self.has_batches(&stream).await, singles };
        let last = stream::last(&self.context, &stream).await?;
        let max_bytes = self.context.client().server_info().max_payload;
        tracing::debug!(sequence = last.sequence, "end of the event stream read");
        let after = source::LogSource::after(self.log.clone(), last.event, max_bytes).await?;
        tracing::debug!(position = after.position(), "feed continues");
        self.publish(after, last.sequence, mode).await
    }

    /// Whether the stream takes batches. Allows them on a stream of an earlier version.
    async fn has_batches(&mut self, stream: &Stream) -> bool {
        if stream.cached_info().config.allow_atomic_publish {
            return true;
        }
        if self.allow_tries >= FEED_ALLOW_TRIES_MAX {
            return false;
        }
        self.allow_tries += 1;
        let allowed = stream::allow_batches(&self.context, stream).await;
        match &allowed {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!("the NATS server takes no batches, publishing events one by one");
            }
            Err(error) => tracing::warn!(
                error = boarding_log::error_chain(error),
                "event stream takes no batches, publishing events one by one; write nats.conf again (boarding nats-config)"
            ),
        }
        allowed.unwrap_or(false)
    }

    /// Reports the position of the last published event. The feed has no trouble then.
    fn report_published(&self, published: u64) {
        self.sender.send_if_modified(|state| {
            if state.trouble.is_some() {
                tracing::info!("event feed continues");
            }
            let now = State { published: published.max(state.published), trouble: None };
            let differs = *state != now;
            *state = now;
            differs
        });
    }

    /// Reports why the feed is interrupted. It warns of what a person has to end, and of a fault that does not pass.
    fn report_trouble(&self, error: &FeedError, tries: u32) {
        let text = boarding_log::error_chain(error);
        self.sender.send_if_modified(|state| {
            let differs = state.trouble.as_ref() != Some(&text);
            if tries == FEED_WARN_TRIES || differs && error.needs_a_person() {
                tracing::warn!(error = %text, "event feed interrupted, retrying");
            } else if differs {
                tracing::info!(error = %text, "event feed interrupted, retrying");
            }
            state.trouble = Some(text);
            differs
        });
    }
}
