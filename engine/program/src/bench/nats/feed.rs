//! Measures the feed: from the answer of a command to its last event at a subscriber, and how fast it publishes a log.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_nats::Subscriber;
use bytes::Bytes;
use futures_util::StreamExt as _;

use super::callers::{Answered, Callers};
use super::job::{BenchError, FEW_CLIENTS, ROUNDS};
use super::measured::Line;
use super::raw::{PAYLOADS_MAX, Raw};
use super::{Bench, compared};
use crate::bench::timed::Timed;
use boarding_core::engine::{Engine, LogChoice};
use boarding_log::connect::usual_copies;
use boarding_nats::feed::{EventMessage, Feed, Options};
use boarding_nats::names::{self, EVENT_STREAM};
use boarding_nats::server::{self, NatsServer};

/// How long the feed may take after the last command, in seconds.
const FEED_SECONDS_MAX: u64 = 120;

impl Bench<'_> {
    /// Measures commands and the delay of their events, with few clients and with all.
    pub(super) async fn feed(&self, raw: &Raw) -> Result<Vec<Line>, BenchError> {
        let engine = self.feed_engine("feed")?;
        let feed = Feed::start(&engine, self.client.clone(), self.feed_options());
        let server =
            NatsServer::open(engine, self.client.clone(), server::Options::default()).await?;
        let callers = Callers::new(&self.job).await?;
        callers.prepare().await?;
        let mut lines = Vec::new();
        for clients in [FEW_CLIENTS.min(self.job.clients), self.job.clients] {
            let (commands, delay) = self.lag(&callers, clients).await?;
            lines.push(Line::of("commands, feed on", clients, commands));
            lines.push(Line::of("feed behind the answer", clients, delay));
        }
        server.close().await;
        feed.finish(Duration::from_secs(FEED_SECONDS_MAX)).await;
        lines.extend(self.publish_log(raw).await?);
        Ok(lines)
    }

    fn feed_engine(&self, folder: &str) -> Result<Engine, BenchError> {
        Ok(self.engine(folder, LogChoice::JetStream(self.streams.log("FEED")))?)
    }

    fn feed_options(&self) -> Options {
        let copies = self.job.log.copies.unwrap_or_else(|| usual_copies(&self.client));
        Options { copies, ..Options::default() }
    }

    /// Measures how fast the feed publishes the events of a log, compared with raw publishing of the same events.
    async fn publish_log(&self, raw: &Raw) -> Result<[Line; 2], BenchError> {
        // Another folder, because the feed of the first engine may still have that one open.
        let engine = self.feed_engine("feed-again")?;
        let clients = self.job.clients;
        let (positions, payloads) = events(&engine, self.client.max_payload())?;
        let (mut raws, mut feeds) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let each = (positions.len() / clients).max(1);
            raws.push(raw.publish(clients, self.job.companies, each, &payloads).await?);
            self.streams.remove_one(EVENT_STREAM).await?;
            feeds.push(self.publish_all(&engine, &positions).await?);
        }
        engine.close().await;
        Ok(compared(("raw publish, events", raws), ("feed of a whole log", feeds), clients))
    }

    /// Publishes all events to a new stream. The duration of an event is the time from the start of the feed.
    async fn publish_all(&self, engine: &Engine, positions: &[u64]) -> Result<Timed, BenchError> {
        let started = Instant::now();
        let feed = Feed::start(engine, self.client.clone(), self.feed_options());
        let (mut state, mut times) = (feed.state(), Vec::with_capacity(positions.len()));
        let end = positions.last().copied().unwrap_or_default();
        let all = async {
            loop {
                let published = state.borrow_and_update().published;
                let done = positions.partition_point(|position| *position <= published);
                times.resize(done.max(times.len()), started.elapsed());
                if published >= end || state.changed().await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(FEED_SECONDS_MAX), all).await;
        match positions.len() - times.len() {
            0 => Ok(Timed::new(started.elapsed(), times)),
            missing => Err(BenchError::MissingEvents(missing)),
        }
    }

    async fn lag(&self, callers: &Callers, clients: usize) -> Result<(Timed, Timed), BenchError> {
        let listener = self.job.log.server.connect("boarding bench listener").await?;
        let events = listener.subscribe(names::all_events()).await?;
        let _ = listener.flush().await;
        let started = Instant::now();
        let (expected, expected_events) = tokio::sync::oneshot::channel();
        let listening = tokio::spawn(listen(events, expected_events));
        let (commands, answered) = callers.commands(clients).await?;
        let last: Vec<String> = answered.iter().map(|one| one.event.clone()).collect();
        let _ = expected.send(last);
        let received = listening.await?;
        let elapsed = started.elapsed();
        let delay = |one: &Answered| {
            received.get(&one.event).map(|received| received.saturating_duration_since(one.at))
        };
        let delay: Vec<Duration> = answered.iter().filter_map(delay).collect();
        match answered.len() - delay.len() {
            0 => Ok((commands, Timed::new(elapsed, delay))),
            missing => Err(BenchError::MissingEvents(missing)),
        }
    }
}

/// The positions of all events of the log, and the first payloads.
fn events(engine: &Engine, max_bytes: usize) -> Result<(Vec<u64>, Vec<Bytes>), BenchError> {
    let (mut reader, mut positions, mut payloads) =
        (engine.log().read_all(0), Vec::new(), Vec::new());
    while let Some(entry) = tokio::task::block_in_place(|| reader.next())? {
        for recorded in entry.recorded.events() {
            positions.push(recorded.position);
            if payloads.len() < PAYLOADS_MAX {
                payloads.push(EventMessage::of(&recorded, max_bytes).payload.into());
            }
        }
    }
    Ok((positions, payloads))
}

/// The times at which events are received, until all expected events are received or the time is over.
async fn listen(
    mut events: Subscriber,
    mut expected_events: tokio::sync::oneshot::Receiver<Vec<String>>,
) -> HashMap<String, Instant> {
    let mut received = HashMap::new();
    let mut missing: Option<std::collections::HashSet<String>> = None;
    let timeout = Duration::from_secs(FEED_SECONDS_MAX);
    while missing.as_ref().is_none_or(|missing| !missing.is_empty()) {
        tokio::select! {
            expected = &mut expected_events, if missing.is_none() => {
                let Ok(expected) = expected else { break };
                missing = Some(expected.into_iter().filter(|one| !received.contains_key(one)).collect());
            }
            event = tokio::time::timeout(timeout, events.next()) => {
                let Ok(Some(event)) = event else { break };
                let id = event.headers.as_ref().and_then(|all| all.get("Nats-Msg-Id"));
                let Some(id) = id.map(|id| id.as_str().to_owned()) else { continue };
                if let Some(missing) = &mut missing {
                    missing.remove(&id);
                }
                received.insert(id, Instant::now());
            }
        }
    }
    received
}
