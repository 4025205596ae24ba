//! How far the feed is behind: from a command's answer to its last event, as another service sees them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_nats::Subscriber;
use futures_util::StreamExt as _;

use super::callers::{Answered, Callers};
use super::{Bench, BenchError, CALM_CLIENTS, Line, Timed};
use boarding_core::engine::LogChoice;
use boarding_log::connect::usual_copies;
use boarding_nats::feed::{Feed, Options};
use boarding_nats::names;
use boarding_nats::server::{self, NatsServer};

/// How long the feed may take to come to its end after the last command, in seconds.
const FEED_SECONDS_MAX: u64 = 120;

impl Bench<'_> {
    /// Commands while their events are published, by few callers and by all.
    pub(super) async fn feed(&self) -> Result<Vec<Line>, BenchError> {
        let engine = self.engine("feed", LogChoice::JetStream(self.streams.log("FEED")))?;
        let copies = self.job.log.copies.unwrap_or_else(|| usual_copies(&self.client));
        let options = Options { copies, ..Options::default() };
        let feed = Feed::start(&engine, self.client.clone(), options);
        let door =
            NatsServer::open(engine, self.client.clone(), server::Options::default()).await?;
        let callers = Callers::new(&self.job).await?;
        callers.prepare().await?;
        let mut lines = Vec::new();
        for clients in [CALM_CLIENTS.min(self.job.clients), self.job.clients] {
            let (asked, behind) = self.lag(&callers, clients).await?;
            lines.push(Line::of("commands, feed on", clients, asked));
            lines.push(Line::of("feed behind the answer", clients, behind));
        }
        door.close().await;
        feed.finish(Duration::from_secs(FEED_SECONDS_MAX)).await;
        Ok(lines)
    }

    async fn lag(&self, callers: &Callers, clients: usize) -> Result<(Timed, Timed), BenchError> {
        let listener = self.job.log.server.connect("boarding bench listener").await?;
        let events = listener.subscribe(names::all_events()).await?;
        let _ = listener.flush().await;
        let begun = Instant::now();
        let (told, awaited) = tokio::sync::oneshot::channel();
        let listening = tokio::spawn(listen(events, awaited));
        let (asked, answered) = callers.commands(clients).await?;
        let last: Vec<String> = answered.iter().map(|one| one.event.clone()).collect();
        let _ = told.send(last);
        let seen = listening.await?;
        let took = begun.elapsed();
        let behind = |one: &Answered| {
            seen.get(&one.event).map(|seen| seen.saturating_duration_since(one.at))
        };
        let behind: Vec<Duration> = answered.iter().filter_map(behind).collect();
        match answered.len() - behind.len() {
            0 => Ok((asked, Timed::new(took, behind))),
            missing => Err(BenchError::Unseen(missing)),
        }
    }
}

/// When each event came; until all came that are told of, or it has lasted too long.
async fn listen(
    mut events: Subscriber,
    mut awaited: tokio::sync::oneshot::Receiver<Vec<String>>,
) -> HashMap<String, Instant> {
    let mut seen = HashMap::new();
    let mut missing: Option<std::collections::HashSet<String>> = None;
    let patience = Duration::from_secs(FEED_SECONDS_MAX);
    while missing.as_ref().is_none_or(|missing| !missing.is_empty()) {
        tokio::select! {
            told = &mut awaited, if missing.is_none() => {
                let Ok(told) = told else { break };
                missing = Some(told.into_iter().filter(|one| !seen.contains_key(one)).collect());
            }
            event = tokio::time::timeout(patience, events.next()) => {
                let Ok(Some(event)) = event else { break };
                let id = event.headers.as_ref().and_then(|all| all.get("Nats-Msg-Id"));
                let Some(id) = id.map(|id| id.as_str().to_owned()) else { continue };
                if let Some(missing) = &mut missing {
                    missing.remove(&id);
                }
                seen.insert(id, Instant::now());
            }
        }
    }
    seen
}
