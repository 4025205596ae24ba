//! `boarding bench`: measures the speed of this program on this machine.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::common::Common;
use super::failure::{CliResult, Done, Failure, unavailable};
use super::output::Out;
use crate::bench::log;
use crate::bench::opening::{self, Opened};

mod companies;
mod figures;
mod nats;
mod onboarding;
mod places;
mod query;
mod replay;
mod serve;
mod smtp;
mod vs;

/// Measures the speed of this program on this machine
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding bench run
  boarding bench run --people 100000 --channel null
  boarding bench import --rows 1000000
  boarding bench run --vs postgres://postgres@localhost/postgres
  boarding bench open --people 1000000 --add-phones
  boarding bench companies --companies 1000 --people 100
  boarding bench replay --people 200000
  boarding bench query --people 1000000
  boarding bench serve --nats nats://localhost:4222
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
    Run(onboarding::Run),
    /// Measures a run by SMTP to a local mail server that accepts everything, beside a plain client of it
    Smtp(smtp::Smtp),
    /// Measures an import
    Import(onboarding::Import),
    /// Measures how soon a company answers after the program was started, with and without its snapshot
    Open {
        /// The number of people of the company
        #[arg(long, default_value_t = 100_000, value_name = "PEOPLE")]
        people: u64,
        /// Also puts their phones on the corporate list
        #[arg(long)]
        add_phones: bool,
    },
    /// Measures many small companies that import and invite, beside a raw file with the same commits
    Companies(companies::Companies),
    /// Measures how fast a log is verified and all read models are built from it
    Replay(replay::Replay),
    /// Measures the lists of a large company: first page, deep page, search, and an earlier position
    Query(query::Query),
    /// Measures commands and queries in process and over NATS, with 1 to 256 clients at once
    Serve(Box<serve::Serve>),
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
            Verb::Run(verb) => verb.run(&folder(common)?, out).await,
            Verb::Import(verb) => verb.run(&folder(common)?, out).await,
            Verb::Open { people, add_phones } => {
                measure_opening(&folder(common)?, people, add_phones, out).await
            }
            Verb::Smtp(verb) => verb.run(&folder(common)?, out).await,
            Verb::Companies(verb) => verb.run(&folder(common)?, out).await,
            Verb::Replay(verb) => verb.run(&folder(common)?, out).await,
            Verb::Query(verb) => verb.run(&folder(common)?, out).await,
            Verb::Serve(verb) => verb.run(&folder(common)?, out).await,
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
    let measured = opening::measure(&data, people, add_phones).await;
    figures::print_one(&data, measured, Opened::as_json, out)
}
