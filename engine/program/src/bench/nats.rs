//! Measures the engine on NATS, compared with a program that publishes the same bytes to JetStream.
//!
//! The other program's stream has the same settings and subjects, and as many messages are in flight. Rounds of
//! both alternate, and the median of each counts. The ratio is the result, because the speed of disk and network
//! varies.

mod callers;
mod feed;
mod job;
mod measured;
mod raw;
mod streams;

use std::sync::Arc;
use std::time::Instant;

use async_nats::Client;
use tokio::task::JoinSet;

use self::callers::Callers;
use self::job::ROUNDS;
use self::raw::Raw;
use self::streams::Streams;
use super::log::{IN_FLIGHT, commit, company};
use super::onboarding;
use super::timed::Timed;
use boarding_core::clock::Clock;
use boarding_core::delivery::null::NullTransport;
use boarding_core::engine::{Engine, EngineError, LogChoice, Options};
use boarding_log::jetstream::{self, JetStreamLog};
use boarding_log::{Encoded, EventLog as _, Head};
use boarding_nats::server::{self, NatsServer};

pub(super) use callers::request;
pub use job::{BenchError, Job};
pub use measured::{HEADING, Line, Memory};

/// Runs all measurements, which take some minutes, and removes the streams that it created.
///
/// # Errors
/// If the servers cannot be used, or have the streams of an engine.
pub async fn run(job: Job<'_>) -> Result<(Vec<Line>, Option<Memory>), BenchError> {
    let client = job.log.server.connect("boarding bench").await?;
    let streams = Streams::prepare(&client, &job.log).await?;
    let bench = Bench { job, client, streams };
    let measured = Box::pin(bench.measure()).await;
    bench.streams.remove().await?;
    measured
}

/// The rounds of one measurement, with its name.
type Rounds = (&'static str, Vec<Timed>);

struct Bench<'a> {
    job: Job<'a>,
    client: Client,
    streams: Streams,
}

impl Bench<'_> {
    async fn measure(&self) -> Result<(Vec<Line>, Option<Memory>), BenchError> {
        // First, because the kernel keeps only the peak memory of the process.
        let memory = match self.job.events {
            0 => None,
            events => Some(self.memory(events).await?),
        };
        let raw = Raw::make(&self.job.log, self.streams.log("RAW")).await?;
        let mut lines = self.log(&raw).await?;
        lines.push(self.commands_on_files().await?);
        lines.extend(self.commands(&raw).await?);
        lines.extend(self.feed(&raw).await?);
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
            transport: Some(Arc::new(NullTransport)),
        };
        let measured = onboarding::measure(job).await?;
        self.streams.remove_one(&stream).await?;
        let bytes = measured.peak_memory_bytes;
        Ok(Memory { events, import: measured.import, visible: measured.import_visible, bytes })
    }

    /// Measures appends of commits with one event, compared with raw publishing.
    async fn log(&self, raw: &Raw) -> Result<Vec<Line>, BenchError> {
        let log = Arc::new(JetStreamLog::open(self.streams.log("LOG"))?);
        let mut lines = Vec::new();
        for in_flight in IN_FLIGHT {
            // Fewer for few appends in flight, because each waits for its own acknowledgement.
            let most = self.job.commands.min(self.job.commands * in_flight.max(4) / 64);
            let each = (most / in_flight).max(1);
            let payloads =
                vec![jetstream::payload(&[Encoded::of(commit(&company(0)?, Head::default(), 0))?])];
            let (mut raws, mut logs) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                raws.push(raw.publish(in_flight, in_flight, each, &payloads).await?);
                logs.push(append(&log, in_flight, each).await?);
            }
            lines.extend(compared(
                ("raw publish, one event", raws),
                ("log alone", logs),
                in_flight,
            ));
        }
        Ok(lines)
    }

    async fn commands_on_files(&self) -> Result<Line, BenchError> {
        let engine = self.engine("files", LogChoice::Files)?;
        let server =
            NatsServer::open(engine, self.client.clone(), server::Options::default()).await?;
        let callers = Callers::new(&self.job).await?;
        callers.prepare().await?;
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(callers.commands(self.job.clients).await?.0);
        }
        server.close().await;
        Ok(Line::of("commands, log in files", self.job.clients, Timed::median(rounds)))
    }

    /// Measures commands, compared with raw publishing of the same commits, and then queries.
    async fn commands(&self, raw: &Raw) -> Result<Vec<Line>, BenchError> {
        let Job { clients, companies, commands, .. } = self.job;
        let engine = self.engine("jetstream", LogChoice::JetStream(self.streams.log("ENGINE")))?;
        let log = engine.log();
        let server =
            NatsServer::open(engine, self.client.clone(), server::Options::default()).await?;
        let callers = Callers::new(&self.job).await?;
        callers.prepare().await?;
        let (mut raws, mut commands_timed) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let after = log.end();
            commands_timed.push(callers.commands(clients).await?.0);
            let payloads = raw::payloads(&*log, after + 1)?;
            raws.push(
                raw.publish(clients, companies, (commands / clients).max(1), &payloads).await?,
            );
        }
        drop(log);
        let (raws, commands_timed) =
            (("raw publish, commands", raws), ("commands, log in JetStream", commands_timed));
        let mut lines = Vec::from(compared(raws, commands_timed, clients));
        lines.extend(callers.queries().await?);
        server.close().await;
        Ok(lines)
    }

    fn engine(&self, folder: &str, log: LogChoice) -> Result<Engine, EngineError> {
        Engine::open(Options {
            data: self.job.data.join(folder),
            log,
            transport: Some(Arc::new(NullTransport)),
            texts: None,
            adopt_runs: false,
            carries_runs: true,
            link_page: None,
            secret: None,
            clock: Clock::system(),
        })
    }
}

/// The medians of raw publishing and of the other measurement, with the ratio of their rates.
fn compared(raw: Rounds, other: Rounds, in_flight: usize) -> [Line; 2] {
    let line = |(what, rounds)| Line::of(what, in_flight, Timed::median(rounds));
    let (raw, other) = (line(raw), line(other));
    let ratio = Some(other.timed.per_second() / raw.timed.per_second());
    [raw, Line { ratio, ..other }]
}

/// Runs concurrent tasks. Each appends commits of one company, one after the other.
async fn append(
    log: &Arc<JetStreamLog>,
    in_flight: usize,
    each: usize,
) -> Result<Timed, BenchError> {
    let started_all = Instant::now();
    let mut tasks = JoinSet::new();
    for task in 0..in_flight {
        let (log, company) = (Arc::clone(log), company(task)?);
        tasks.spawn(async move {
            let mut head = log.head(&company);
            let mut times = Vec::with_capacity(each);
            for _ in 0..each {
                // Each commit has another user.
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
    Timed::joined(started_all, tasks).await
}
