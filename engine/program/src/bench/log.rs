//! Measures the log in files, compared with a raw file and one `fdatasync` for all waiting appends.
//!
//! Both get the same commits from the same number of tasks and encode them. The log also checks versions, hashes
//! and checksums, and indexes the commits. Rounds of both alternate, because the disk's speed varies: the ratio
//! is the result.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boarding_commands::commit::{Commit, SCHEMA};
use boarding_commands::event::Event;
use boarding_commands::values::{CommandId, CompanyId, Digest, IdError, Time, UserKey};
use ulid::Ulid;

use super::raw_file::RawFile;
use boarding_log::file::{FileLog, OpenError, Options};
use boarding_log::{AppendError, Encoded, EventLog as _, Head};

/// The numbers of concurrent appends that are measured.
pub const IN_FLIGHT: [usize; 4] = [1, 16, 64, 256];

/// The length of the user name in the event, in characters. The event has about 300 bytes, like an invitation.
const USER_CHARS: usize = 260;

/// The number of rounds. The median counts, so that one slow second of the disk does not matter.
const ROUNDS: usize = 3;

/// The result for a number of concurrent appends, in events per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    pub in_flight: usize,
    pub raw: f64,
    pub log: f64,
}

impl Measured {
    /// The rate of the log as a share of the rate of the raw file.
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

/// The header of the lines of [`Measured`].
pub const HEADING: &str = "in flight  raw events/s  log events/s   ratio";

/// Why the bench failed.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error("cannot open the measured log")]
    Open(#[from] OpenError),
    #[error("cannot append to the measured log")]
    Append(#[from] AppendError),
    #[error("cannot write the raw file")]
    Raw(#[from] io::Error),
    #[error("invalid company name")]
    Company(#[from] IdError),
    #[error("cannot encode a commit")]
    Encode(#[from] boarding_log::codec::EncodeError),
    #[error("cannot encode a commit for the raw file")]
    RawBytes(#[from] rmp_serde::encode::Error),
    #[error("a task of the bench failed")]
    Join(#[from] tokio::task::JoinError),
}

/// Appends up to `events` commits of one event in new folders below `folder`, for each of [`IN_FLIGHT`] and each
/// round. Takes some seconds.
///
/// # Errors
/// If the folder cannot be written.
pub async fn run(folder: &Path, events: usize) -> Result<Vec<Measured>, BenchError> {
    let mut lines = Vec::new();
    for in_flight in IN_FLIGHT {
        // A sixteenth of the events for one append at a time, because each append waits for its own sync.
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

/// Runs the tasks on the log. Each task appends commits of one company, one after the other.
async fn log(folder: &Path, in_flight: usize, each: usize) -> Result<Duration, BenchError> {
    let log = Arc::new(FileLog::open(folder, Options::new(Time(0)))?.log);
    let started = Instant::now();
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
    let elapsed = started.elapsed();
    drop(log);
    std::fs::remove_dir_all(folder)?;
    Ok(elapsed)
}

/// Runs the same tasks on the raw file, which one thread writes and syncs.
pub(super) async fn raw(
    path: &Path,
    in_flight: usize,
    each: usize,
) -> Result<Duration, BenchError> {
    let file = RawFile::create(path)?;
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..in_flight {
        let (file, company) = (file.appender(), company(task)?);
        tasks.spawn(async move {
            for n in 0..each {
                let head = Head { version: n as u64, hash: Digest::default() };
                // Every storage must encode the commit, so the raw file does it too.
                let bytes = rmp_serde::to_vec(&commit(&company, head, task * each + n))?;
                if !file.append(bytes).await {
                    break;
                }
            }
            Ok::<(), BenchError>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let elapsed = started.elapsed();
    file.close().await?;
    Ok(elapsed)
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
        authenticated: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn all_numbers_in_flight_are_measured_and_files_removed() {
        let folder = tempfile::tempdir().unwrap();
        let lines = run(folder.path(), 300).await.unwrap();
        assert_eq!(lines.iter().map(|line| line.in_flight).collect::<Vec<_>>(), IN_FLIGHT);
        assert!(lines.iter().all(|line| line.ratio() > 0.0 && line.ratio().is_finite()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
