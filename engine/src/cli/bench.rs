//! `boarding bench`: measures this program on this machine. One verb for each thing that is measured.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::common::Common;
use super::failure::{Done, Ending, Failure};
use super::output::Out;
use crate::bench::log;

/// Measures this program on this machine
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding bench log
  boarding bench log --events 100000 --data /mnt/fast-disk")]
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

async fn measure_log(folder: &std::path::Path, events: usize, out: &Out) -> Ending {
    let measured = log::run(folder, events)
        .await
        .map_err(|error| Failure::Unavailable(crate::error_chain(&error)))?;
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
