//! Measures the engine on NATS beside a program that only publishes to JetStream: the same bytes, to a
//! stream of the same settings and subjects, as many on their way at once.
//!
//! What is compared is measured in rounds that alternate; the median of each counts, and the ratio more
//! than the figures: a disk's and a network's own speed swings.

mod callers;
mod feed;
mod measured;
mod raw;
mod streams;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use async_nats::Client;
use boarding_commands::values::IdError;
use tokio::task::JoinSet;

use self::callers::Callers;
use self::raw::Raw;
use self::streams::Streams;
use super::log::{IN_FLIGHT, commit, company};
use super::onboarding;
use boarding_core::clock::Clock;
use boarding_core::delivery::null::NullChannel;
use boarding_core::engine::{Engine, EngineError, LogChoice, Options};
use boarding_log::codec::EncodeError;
use boarding_log::connect::ConnectError;
use boarding_log::jetstream::{self, JetStreamLog};
use boarding_log::{AppendError, Encoded, EventLog as _, Head, ReadError};
use boarding_nats::server::{self, NatsServer, ServeError};

pub use measured::{HEADING, Line, Memory, Timed};

/// Three rounds, of which the median counts: one bad second does not.
const ROUNDS: usize = 3;

/// How many callers are at work at once where the feed is measured without being flooded.
const CALM_CLIENTS: usize = 16;

/// What is measured.
#[derive(Debug)]
pub struct Job<'a> {
    /// A folder of its own for the data.
    pub data: &'a Path,
    /// The servers, and what their streams are like. The names in it are not used.
    pub log: jetstream::Options,
    /// How many companies commands go to.
    pub companies: usize,
    /// How many commands or queries are under way at once.
    pub clients: usize,
    /// How many commands, queries or appends a round has, at the most.
    pub commands: usize,
    /// How many events an import brings whose memory is measured; without any, it is not.
    pub events: u64,
}

/// The bench could not be run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(
        "measure on these servers: the stream {stream} is there, and an engine may need it; take other servers or another account, or remove it if a bench left it that was killed"
    )]
    InUse { stream: String },
    #[error("{operation} the stream {stream}")]
    Stream {
        operation: &'static str,
        stream: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("open the log to be measured")]
    Open(#[from] jetstream::OpenError),
    #[error("append to the log that is measured")]
    Append(#[from] AppendError),
    #[error("read the log that is measured")]
    Read(#[from] ReadError),
    #[error("publish to the stream to measure against")]
    Publish(#[from] async_nats::jetstream::context::PublishError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Import(#[from] onboarding::BenchError),
    #[error("ask {subject}")]
    Ask { subject: String, source: async_nats::RequestError },
    #[error("{subject} was not answered as it should be: {answer}")]
    NotAccepted { subject: String, answer: String },
    #[error("listen to the events")]
    Listen(#[from] async_nats::SubscribeError),
    #[error("see every event: {0} have not come")]
    Unseen(usize),
    #[error("name a company")]
    Company(#[from] IdError),
    #[error("make a commit to append")]
    Encode(#[from] EncodeError),
    #[error("run the tasks of the measurement")]
    Join(#[from] tokio::task::JoinError),
}

/// Measures all of it; takes some minutes. What it makes on the servers is removed again.
///
/// # Errors
/// When the servers cannot be reached or used, or an engine's streams are there already.
pub async fn run(job: Job<'_>) -> Result<(Vec<Line>, Option<Memory>), BenchError> {
    let client = job.log.server.connect("boarding bench").await?;
    let streams = Streams::prepare(&client, &job.log).await?;
    let bench = Bench { job, client, streams };
    let measured = Box::pin(bench.measure()).await;
    bench.streams.remove().await?;
    measured
}

/// What was measured several times, and its name.
type Rounds = (&'static str, Vec<Timed>);

struct Bench<'a> {
    job: Job<'a>,
    client: Client,
    streams: Streams,
}

impl Bench<'_> {
    async fn measure(&self) -> Result<(Vec<Line>, Option<Memory>), BenchError> {
        // First, for the most memory that a process has had tells nothing of what came later.
        let memory = match self.job.events {
            0 => None,
            events => Some(self.memory(events).await?),
        };
        let raw = Raw::make(&self.job.log, self.streams.log("RAW")).await?;
        let mut lines = self.log(&raw).await?;
        lines.push(self.commands_on_files().await?);
        lines.extend(self.commands(&raw).await?);
        lines.extend(self.feed().await?);
        Ok((lines, memory))
    }

    async fn memory(&self, events: u64) -> Result<Memory, BenchError> {
        let options = self.streams.log("MEMORY");
        let stream = options.stream.clone();
        let job = onboarding::Job {
            data: &self.job.data.join("memory"),
            log: LogChoice::JetStream(options),
            people: events,
            add_phones: false,
            run: false,
            channel: Some(Arc::new(NullChannel)),
        };
        let measured = onboarding::measure(job).await?;
        self.streams.remove_one(&stream).await?;
        let bytes = measured.peak_memory_bytes;
        Ok(Memory { events, import: measured.import, visible: measured.import_visible, bytes })
    }

    /// The log alone, each append a commit of one event, and raw publishing beside it.
    async fn log(&self, raw: &Raw) -> Result<Vec<Line>, BenchError> {
        let log = Arc::new(JetStreamLog::open(self.streams.log("LOG"))?);
        let mut lines = Vec::new();
        for in_flight in IN_FLIGHT {
            // Fewer where each waits for an acknowledgement of its own.
            let most = self.job.commands.min(self.job.commands * in_flight.max(4) / 64);
            let each = (most / in_flight).max(1);
            let payloads =
                vec![jetstream::payload(&[Encoded::of(commit(&company(0)?, Head::default(), 0))?])];
            let (mut raws, mut logs) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                raws.push(raw.publish(in_flight, in_flight, each, &payloads).await?);
                logs.push(append(&log, in_flight, each).await?);
            }
            lines.extend(beside(("raw publish, one event", raws), ("log alone", logs), in_flight));
        }
        Ok(lines)
    }

    async fn commands_on_files(&self) -> Result<Line, BenchError> {
        let engine = self.engine("files", LogChoice::Files)?;
        let door =
            NatsServer::open(engine, self.client.clone(), server::Options::default()).await?;
        let callers = Callers::new(&self.job).await?;
        callers.prepare().await?;
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(callers.commands(self.job.clients).await?.0);
        }
        door.close().await;
        Ok(Line::of("commands, log in files", self.job.clients, Timed::median(rounds)))
    }

    /// Commands through the door beside raw publishing of the same commits, then queries of each kind.
    async fn commands(&self, raw: &Raw) -> Result<Vec<Line>, BenchError> {
        let Job { clients, companies, commands, .. } = self.job;
        let engine = self.engine("jetstream", LogChoice::JetStream(self.streams.log("ENGINE")))?;
        let log = engine.log();
        let door =
            NatsServer::open(engine, self.client.clone(), server::Options::default()).await?;
        let callers = Callers::new(&self.job).await?;
        callers.prepare().await?;
        let (mut raws, mut asked) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let after = log.end();
            asked.push(callers.commands(clients).await?.0);
            let payloads = raw::payloads(&*log, after + 1)?;
            raws.push(
                raw.publish(clients, companies, (commands / clients).max(1), &payloads).await?,
            );
        }
        drop(log);
        let (raws, asked) =
            (("raw publish, commands", raws), ("commands, log in JetStream", asked));
        let mut lines = Vec::from(beside(raws, asked, clients));
        lines.extend(callers.queries().await?);
        door.close().await;
        Ok(lines)
    }

    fn engine(&self, folder: &str, log: LogChoice) -> Result<Engine, EngineError> {
        Engine::open(Options {
            data: self.job.data.join(folder),
            log,
            channel: Some(Arc::new(NullChannel)),
            adopt_runs: false,
            secret: None,
            clock: Clock::system(),
        })
    }
}

/// The median of what was measured raw, and of what was measured beside it with its share of that.
fn beside(raw: Rounds, other: Rounds, in_flight: usize) -> [Line; 2] {
    let line = |(what, rounds)| Line::of(what, in_flight, Timed::median(rounds));
    let (raw, other) = (line(raw), line(other));
    let ratio = Some(other.timed.per_second() / raw.timed.per_second());
    [raw, Line { ratio, ..other }]
}

/// So many tasks, each a company that appends one commit after the other.
async fn append(
    log: &Arc<JetStreamLog>,
    in_flight: usize,
    each: usize,
) -> Result<Timed, BenchError> {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for task in 0..in_flight {
        let (log, company) = (Arc::clone(log), company(task)?);
        tasks.spawn(async move {
            let mut head = log.head(&company);
            let mut times = Vec::with_capacity(each);
            for _ in 0..each {
                // A user of its own for each.
                let number = usize::try_from(head.version).unwrap_or(0) * in_flight + task;
                let encoded = Encoded::of(commit(&company, head, number))?;
                let started = Instant::now();
                let appended = log.append(vec![encoded]).await?;
                times.push(started.elapsed());
                head = appended
                    .first()
                    .map_or(head, |a| Head { version: a.last_version, hash: a.hash });
            }
            Ok::<_, BenchError>(times)
        });
    }
    Timed::joined(begun, tasks).await
}
