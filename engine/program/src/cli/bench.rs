//! `boarding bench`: measures this program on this machine. One verb for each thing that is measured.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::common::Common;
use super::failure::{Done, Ending, Failure};
use super::output::Out;
use crate::bench::log;
use crate::bench::onboarding::{self, Job};
use boarding_core::delivery::Channel;
use boarding_core::delivery::null::NullChannel;
use boarding_core::engine::LogChoice;

mod nats;

/// Measures this program on this machine
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding bench run
  boarding bench run --people 100000 --channel null
  boarding bench import --rows 1000000
  boarding bench log --events 100000 --data /mnt/fast-disk
  boarding bench nats --nats nats://localhost:4222 --monitor http://localhost:8222")]
pub(super) struct Bench {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Durable appends to the log, against a raw file on the same disk
    Log {
        /// How many events each measurement appends at most
        #[arg(long, default_value_t = 30_000, value_name = "EVENTS")]
        events: usize,
    },
    /// An import, and a run for everybody in it: every claim and outcome durable
    Run {
        /// How many people are imported and invited
        #[arg(long, default_value_t = 10_000, value_name = "PEOPLE")]
        people: u64,
        /// Where the mails go: into files, nowhere, or first nowhere and then into files
        #[arg(long, value_enum, default_value_t = To::Both)]
        channel: To,
    },
    /// An import alone
    Import {
        /// How many rows the file has
        #[arg(long, default_value_t = 100_000, value_name = "ROWS")]
        rows: u64,
        /// Lists the phones as well
        #[arg(long)]
        add_phones: bool,
    },
    /// The log and the service on NATS with JetStream, against publishing and nothing else
    #[command(after_help = "\
The servers must serve no engine: what one makes there is made and removed. Commands and queries are asked
over NATS, many at once; \"beside raw\" is their share of what a program does that publishes the same bytes to
JetStream, as many at once, and waits for each to be durable.")]
    Nats(Box<nats::Nats>),
}

/// Where a measured run's mails go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum To {
    Null,
    Outbox,
    Both,
}

impl Bench {
    pub(super) async fn run(self, common: &Common, out: &Out) -> Ending {
        match self.verb {
            Verb::Log { events } => {
                let folder = folder(common)?;
                let ending = measure_log(&folder, events, out).await;
                // Only an empty folder goes: what a failed measurement left may be worth a look.
                let _ = std::fs::remove_dir(&folder);
                ending
            }
            Verb::Run { people, channel } => {
                let folder = folder(common)?;
                if channel != To::Outbox {
                    let nowhere: Arc<dyn Channel> = Arc::new(NullChannel);
                    out.say("a channel that does nothing:");
                    measure_job(&folder, people, true, Some(Some(nowhere)), out).await?;
                }
                if channel != To::Null {
                    out.say("the outbox:");
                    measure_job(&folder, people, true, Some(None), out).await?;
                }
                yardstick(&folder, out)
            }
            Verb::Import { rows, add_phones } => {
                let folder = folder(common)?;
                measure_job(&folder, rows, add_phones, None, out).await?;
                yardstick(&folder, out)
            }
            Verb::Nats(verb) => verb.run(&folder(common)?, out).await,
        }
    }
}

/// Where to measure: what is written there is removed again.
fn folder(common: &Common) -> Result<PathBuf, Failure> {
    let folder = common.data().join("bench");
    std::fs::create_dir_all(&folder).map_err(|error| {
        Failure::Unavailable(format!("make the folder {}: {error}", folder.display()))
    })?;
    Ok(folder)
}

async fn measure_log(folder: &Path, events: usize, out: &Out) -> Ending {
    let measured = log::run(folder, events)
        .await
        .map_err(|error| Failure::Unavailable(boarding_log::error_chain(&error)))?;
    out.say(log::HEADING);
    for line in measured {
        let (in_flight, raw, log, ratio) = (line.in_flight, line.raw, line.log, line.ratio());
        if out.is_json() {
            out.document(&json!({"in_flight": in_flight, "raw": raw, "log": log, "ratio": ratio}));
        } else {
            out.line(&line.to_string());
        }
    }
    Ok(Done::Well)
}

/// Does the job in a folder of its own; `run` says where the mails of the run go, if there is one.
async fn measure_job(
    folder: &Path,
    people: u64,
    add_phones: bool,
    run: Option<Option<Arc<dyn Channel>>>,
    out: &Out,
) -> Ending {
    let data = folder.join(format!("job-{}", std::process::id()));
    let job = Job {
        data: &data,
        log: LogChoice::Files,
        people,
        add_phones,
        run: run.is_some(),
        channel: run.flatten(),
    };
    let measured = onboarding::measure(job).await;
    let _ = std::fs::remove_dir_all(&data);
    let measured =
        measured.map_err(|error| Failure::Unavailable(boarding_log::error_chain(&error)))?;
    if out.is_json() {
        out.document(&measured.as_json());
    } else {
        out.line(&measured.to_string());
    }
    Ok(Done::Well)
}

/// What the disk does at its barest, measured beside: machines are noisy, ratios less so.
fn yardstick(folder: &Path, out: &Out) -> Ending {
    let bare = onboarding::Yardstick::measure(folder).map_err(|error| {
        Failure::Unavailable(format!("measure in {}: {error}", folder.display()))
    })?;
    if out.is_json() {
        out.document(&json!({
            "fdatasyncs_per_second": bare.fdatasyncs_per_second,
            "durable_files_per_second": bare.durable_files_per_second,
        }));
    } else {
        out.line(&bare.to_string());
    }
    Ok(Done::Well)
}
