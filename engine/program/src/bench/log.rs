//! Measures the log in files against the least that durability costs: a raw file that grows, with one
//! `fdatasync` for all that waits.
//!
//! Both sides get the same commits and turn them into bytes; the log checks expected versions, chains,
//! hashes, checksums and indexes them besides. Both get them from the same number of tasks, in rounds that alternate, because a
//! disk's own speed swings more than what is measured. What counts is the ratio.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boarding_commands::commit::{Commit, SCHEMA};
use boarding_commands::event::Event;
use boarding_commands::values::{CommandId, CompanyId, Digest, IdError, Time, UserKey};
use tokio::sync::{mpsc, oneshot};
use ulid::Ulid;

use boarding_log::file::{FileLog, OpenError, Options};
use boarding_log::{AppendError, Encoded, EventLog as _, Head};

/// How many appends are under way at once in each measurement.
pub const IN_FLIGHT: [usize; 4] = [1, 16, 64, 256];

/// The characters of the user in the event that is appended, which make it some 300 bytes: about what
/// an invitation takes.
const USER_CHARS: usize = 260;

/// Three rounds, of which the median counts: one bad second of the disk does not.
const ROUNDS: usize = 3;

/// What was measured with so many appends in flight, in events a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    pub in_flight: usize,
    pub raw: f64,
    pub log: f64,
}

impl Measured {
    /// The log's share of what the raw file does.
    pub fn ratio(&self) -> f64 {
        self.log / self.raw
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { in_flight, raw, log } = self;
        write!(f, "{in_flight:>9}  {raw:>12.0}  {log:>12.0}  {:>6.2}", self.ratio())
    }
}

/// The heading of the lines that [`Measured`] displays as.
pub const HEADING: &str = "in flight  raw events/s  log events/s   ratio";

/// The bench could not be run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error("open the log to be measured")]
    Open(#[from] OpenError),
    #[error("append to the log that is measured")]
    Append(#[from] AppendError),
    #[error("write the raw file to measure against")]
    Raw(#[from] io::Error),
    #[error("name a company")]
    Company(#[from] IdError),
    #[error("make a commit to append")]
    Encode(#[from] boarding_log::codec::EncodeError),
    #[error("make the bytes of the raw file")]
    RawBytes(#[from] rmp_serde::encode::Error),
    #[error("run the tasks of the measurement")]
    Join(#[from] tokio::task::JoinError),
}

/// Appends `events` commits of one event each in a new folder below `folder`, once for each of
/// [`IN_FLIGHT`] and round; takes some seconds.
///
/// # Errors
/// When the folder cannot be written.
pub async fn run(folder: &Path, events: usize) -> Result<Vec<Measured>, BenchError> {
    let mut lines = Vec::new();
    for in_flight in IN_FLIGHT {
        // A sixteenth of the events for one at a time, where each waits for a sync of its own.
        let each = (events.min(events * in_flight.max(4) / 64) / in_flight).max(1);
        let (mut raws, mut logs) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let name = format!("bench-{in_flight}-{round}");
            raws.push(raw(&folder.join(format!("{name}.raw")), in_flight, each).await?);
            logs.push(log(&folder.join(name), in_flight, each).await?);
        }
        let count = u32::try_from(in_flight * each).unwrap_or(u32::MAX);
        let rate = |times| f64::from(count) / median(times).as_secs_f64();
        lines.push(Measured { in_flight, raw: rate(raws), log: rate(logs) });
    }
    Ok(lines)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// So many tasks, each a company that appends one commit after the other.
async fn log(folder: &Path, in_flight: usize, each: usize) -> Result<Duration, BenchError> {
    let log = Arc::new(FileLog::open(folder, Options::new(Time(0)))?.log);
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..in_flight {
        let (log, company) = (Arc::clone(&log), company(task)?);
        tasks.spawn(async move {
            let mut head = Head::default();
            for n in 0..each {
                let encoded = Encoded::of(commit(&company, head, task * each + n))?;
                let appended = log.append(vec![encoded]).await?;
                head = appended
                    .first()
                    .map_or(head, |a| Head { version: a.last_version, hash: a.hash });
            }
            Ok::<(), BenchError>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let took = begun.elapsed();
    drop(log);
    std::fs::remove_dir_all(folder)?;
    Ok(took)
}

type RawCall = (Vec<u8>, oneshot::Sender<()>);

/// The same tasks and one writer, which only appends bytes and syncs.
async fn raw(path: &Path, in_flight: usize, each: usize) -> Result<Duration, BenchError> {
    let file = File::create(path)?;
    let (calls, receiver) = mpsc::channel(1_024);
    let writer = tokio::task::spawn_blocking(move || write_raw(file, receiver));
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..in_flight {
        let (calls, company): (mpsc::Sender<RawCall>, _) = (calls.clone(), company(task)?);
        tasks.spawn(async move {
            for n in 0..each {
                let head = Head { version: n as u64, hash: Digest::default() };
                // What has to be done for any store: the commit is turned into bytes.
                let bytes = rmp_serde::to_vec(&commit(&company, head, task * each + n))?;
                let (answer, done) = oneshot::channel();
                if calls.send((bytes, answer)).await.is_err() || done.await.is_err() {
                    // The writer has failed and says why when it is joined.
                    break;
                }
            }
            Ok::<(), BenchError>(())
        });
    }
    drop(calls);
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let took = begun.elapsed();
    writer.await??;
    std::fs::remove_file(path)?;
    Ok(took)
}

fn write_raw(mut file: File, mut calls: mpsc::Receiver<RawCall>) -> io::Result<()> {
    let mut bytes = Vec::new();
    while let Some((first, answer)) = calls.blocking_recv() {
        bytes.clear();
        bytes.extend(first);
        let mut answers = vec![answer];
        while answers.len() < 1_024
            && let Ok((more, answer)) = calls.try_recv()
        {
            bytes.extend(more);
            answers.push(answer);
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        for answer in answers {
            let _ = answer.send(());
        }
    }
    Ok(())
}

pub(super) fn company(number: usize) -> Result<CompanyId, IdError> {
    format!("bench-{number}").parse()
}

pub(super) fn commit(company: &CompanyId, head: Head, number: usize) -> Commit {
    let user = format!("{number:0>USER_CHARS$}@example.test");
    Commit {
        company: company.clone(),
        first_version: head.version + 1,
        command: CommandId(Ulid(number as u128)),
        body: Digest::default(),
        actor: "bench@example.test".to_owned().into(),
        at: Time(0),
        correlation: None,
        causation: None,
        traceparent: None,
        schema: SCHEMA,
        result: serde_json::Value::Null,
        previous: head.hash,
        events: vec![Event::UserArchived { user: UserKey::new(&user).into() }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_number_in_flight_is_measured_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let lines = run(folder.path(), 300).await.unwrap();
        assert_eq!(lines.iter().map(|line| line.in_flight).collect::<Vec<_>>(), IN_FLIGHT);
        assert!(lines.iter().all(|line| line.ratio() > 0.0 && line.ratio().is_finite()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
