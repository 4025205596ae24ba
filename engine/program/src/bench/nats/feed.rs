//! Measures the delay of the feed: from the answer of a command to its last event at a subscriber.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_nats::Subscriber;
use futures_util::StreamExt as _;

use super::Bench;
use super::callers::{Answered, Callers};
use super::job::{BenchError, FEW_CLIENTS};
use super::measured::{Line, Timed};
use boarding_core::engine::LogChoice;
use boarding_log::connect::usual_copies;
use boarding_nats::feed::{Feed, Options};
use boarding_nats::names;
use boarding_nats::server::{self, NatsServer};

/// How long the feed may take after the last command, in seconds.
const FEED_SECONDS_MAX: u64 = 120;

impl Bench<'_> {
    /// Measures commands and the delay of their events, with few clients and with all.
    pub(super) async fn feed(&self) -> Result<Vec<Line>, BenchError> {
        let engine = self.engine("feed", LogChoice::JetStream(self.streams.log("FEED")))?;
        let copies = self.job.log.copies.unwrap_or_else(|| usual_copies(&self.client));
        let options = Options { copies, ..Options::default() };
        let feed = Feed::start(&engine, self.client.clone(), options);
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
        Ok(lines)
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
