//! `boarding bench`: measures the speed of this program on this machine.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::common::Common;
use super::failure::{CliResult, Done, Failure, unavailable};
use super::output::Out;
use crate::bench::log;
use crate::bench::onboarding::{self, BenchError, Job, Measured};
use crate::bench::opening::{self, Opened};
use boarding_core::delivery::Transport;
use boarding_core::delivery::null::NullTransport;
use boarding_core::engine::LogChoice;

mod nats;
mod places;
mod smtp;

/// Measures the speed of this program on this machine
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding bench run
  boarding bench run --people 100000 --channel null
  boarding bench import --rows 1000000
  boarding bench open --people 1000000 --add-phones
  boarding bench smtp --connections 32
  boarding bench log --events 100000 --data /mnt/fast-disk
  boarding bench nats --nats nats://localhost:4222 --monitor http://localhost:8222")]
pub(super) struct Bench {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Measures durable appends to the log, compared with a raw file on the same disk
    Log {
        /// The most events that one measurement appends
        #[arg(long, default_value_t = 30_000, value_name = "EVENTS")]
        events: usize,
    },
    /// Measures an import and a run of all its people
    Run {
        /// The number of people who are imported and invited
        #[arg(long, default_value_t = 10_000, value_name = "PEOPLE")]
        people: u64,
        /// The channel of the run: files, a channel that does nothing, or both in turn
        #[arg(long, value_enum, default_value_t = RunTransport::Both)]
        channel: RunTransport,
    },
    /// Measures a run by SMTP to a local mail server that accepts everything, beside a plain client of it
    Smtp(smtp::Smtp),
    /// Measures an import
    Import {
        /// The number of rows of the file
        #[arg(long, default_value_t = 100_000, value_name = "ROWS")]
        rows: u64,
        /// Also puts the phones on the corporate list
        #[arg(long)]
        add_phones: bool,
    },
    /// Measures how soon a company answers after the program was started, with and without its snapshot
    Open {
        /// The number of people of the company
        #[arg(long, default_value_t = 100_000, value_name = "PEOPLE")]
        people: u64,
        /// Also puts their phones on the corporate list
        #[arg(long)]
        add_phones: bool,
    },
    /// Measures the log and the service on NATS, compared with publishing to JetStream alone
    #[command(after_help = "\
The servers must be free of engines: the bench creates and removes their streams. Clients send commands and
queries over NATS concurrently. \"beside raw\" compares the rate with a program that only publishes the same bytes
to JetStream, with the same concurrency, and waits until each message is durable.")]
    Nats(Box<nats::Nats>),
    /// Measures whether a small company gets its answers beside waiting queries and an overload
    #[command(after_help = "\
An engine must serve on these servers, with data for tests only: the bench adds the companies bench-0 to bench-4 and
thousands of users. The first company is small. The others ask for positions beyond the end of the log, and then
keep --in-flight commands in flight.

Example:
  boarding bench places --nats nats://localhost:4222")]
    Places(Box<places::Places>),
}

/// The transport of a measured run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RunTransport {
    Null,
    Outbox,
    Both,
}

impl Bench {
    pub(super) async fn run(self, common: &Common, out: &Out) -> CliResult {
        match self.verb {
            Verb::Log { events } => {
                let folder = folder(common)?;
                let result = measure_log(&folder, events, out).await;
                // Removes only an empty folder: files of a failed measurement may help to explain it.
                let _ = std::fs::remove_dir(&folder);
                result
            }
            Verb::Run { people, channel } => {
                let folder = folder(common)?;
                if channel != RunTransport::Outbox {
                    out.say("a channel that does nothing:");
                    measure_job(&folder, people, true, JobRun::Null, out).await?;
                }
                if channel != RunTransport::Null {
                    out.say("the outbox:");
                    measure_job(&folder, people, true, JobRun::Outbox, out).await?;
                }
                measure_disk(&folder, out)
            }
            Verb::Import { rows, add_phones } => {
                let folder = folder(common)?;
                measure_job(&folder, rows, add_phones, JobRun::None, out).await?;
                measure_disk(&folder, out)
            }
            Verb::Open { people, add_phones } => {
                measure_opening(&folder(common)?, people, add_phones, out).await
            }
            Verb::Smtp(verb) => verb.run(&folder(common)?, out).await,
            Verb::Nats(verb) => verb.run(&folder(common)?, out).await,
            Verb::Places(verb) => verb.run(out).await,
        }
    }
}

/// Creates the folder for measurements. Each measurement removes its files.
fn folder(common: &Common) -> Result<PathBuf, Failure> {
    let folder = common.data().join("bench");
    std::fs::create_dir_all(&folder).map_err(|error| {
        Failure::Unavailable(format!("cannot create {}: {error}", folder.display()))
    })?;
    Ok(folder)
}

async fn measure_log(folder: &Path, events: usize, out: &Out) -> CliResult {
    let measured = log::run(folder, events).await.map_err(|error| unavailable(&error))?;
    out.say(log::HEADING);
    for line in measured {
        let (in_flight, raw, log, ratio) = (line.in_flight, line.raw, line.log, line.ratio());
        if out.is_json() {
            out.document(&json!({"in_flight": in_flight, "raw": raw, "log": log, "ratio": ratio}));
        } else {
            out.line(&line.to_string());
        }
    }
    Ok(Done::Completely)
}

async fn measure_opening(folder: &Path, people: u64, add_phones: bool, out: &Out) -> CliResult {
    let data = folder.join(format!("job-{}", std::process::id()));
    print(&data, opening::measure(&data, people, add_phones).await, Opened::as_json, out)
}

/// Removes the data folder of a measurement and prints the result.
fn print<T: Display>(
    data: &Path,
    measured: Result<T, BenchError>,
    as_json: fn(&T) -> Value,
    out: &Out,
) -> CliResult {
    // A folder that cannot be removed does not change the result.
    let _ = std::fs::remove_dir_all(data);
    let measured = measured.map_err(|error| unavailable(&error))?;
    if out.is_json() {
        out.document(&as_json(&measured));
    } else {
        out.line(&measured.to_string());
    }
    Ok(Done::Completely)
}

/// The run that a measurement adds to its import.
#[derive(Debug, Clone, Copy)]
enum JobRun {
    None,
    /// A run over a transport that does nothing.
    Null,
    /// A run over the outbox.
    Outbox,
}

impl JobRun {
    /// Whether there is a run, and the transport of the engine. Without a transport the engine has its outbox.
    fn options(self) -> (bool, Option<Arc<dyn Transport>>) {
        match self {
            Self::None => (false, None),
            Self::Null => (true, Some(Arc::new(NullTransport))),
            Self::Outbox => (true, None),
        }
    }
}

/// Measures an import in a new data folder, and the run after it, if there is one.
async fn measure_job(
    folder: &Path,
    people: u64,
    add_phones: bool,
    run: JobRun,
    out: &Out,
) -> CliResult {
    let data = folder.join(format!("job-{}", std::process::id()));
    let (run, transport) = run.options();
    let job = Job { data: &data, log: LogChoice::Files, people, add_phones, run, transport };
    print(&data, onboarding::measure(job).await, Measured::as_json, out)
}

/// Measures plain writes to the same disk. Their ratio to the results varies less than the results.
fn measure_disk(folder: &Path, out: &Out) -> CliResult {
    let disk = onboarding::DiskSpeed::measure(folder).map_err(|error| {
        Failure::Unavailable(format!("cannot measure in {}: {error}", folder.display()))
    })?;
    if out.is_json() {
        out.document(&json!({
            "fdatasyncs_per_second": disk.fdatasyncs_per_second,
            "durable_files_per_second": disk.durable_files_per_second,
        }));
    } else {
        out.line(&disk.to_string());
    }
    Ok(Done::Completely)
}
