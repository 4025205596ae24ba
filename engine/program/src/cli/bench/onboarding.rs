//! `boarding bench run` and `boarding bench import`: measure an import, and a run of all its people.

use std::path::Path;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::figures::{self, measure_disk};
use super::vs::{self, Vs};
use crate::bench::onboarding::{Job, Measured};
use crate::bench::postgres::Postgres;
use crate::bench::versus;
use crate::cli::failure::{CliResult, Done, Failure};
use crate::cli::output::Out;
use boarding_core::delivery::Transport;
use boarding_core::delivery::null::NullTransport;
use boarding_core::engine::LogChoice;

#[derive(Debug, Args)]
pub(super) struct Run {
    /// The number of people who are imported and invited
    #[arg(long, default_value_t = 10_000, value_name = "PEOPLE")]
    people: u64,
    /// The channel of the run: files, a channel that does nothing, or both in turn
    #[arg(long, value_enum, default_value_t = RunTransport::Both)]
    channel: RunTransport,
    #[command(flatten)]
    rounds: figures::Rounds,
    #[command(flatten)]
    vs: Vs,
}

/// The transport of a measured run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RunTransport {
    Null,
    Outbox,
    Both,
}

#[derive(Debug, Args)]
pub(super) struct Import {
    /// The number of rows of the file
    #[arg(long, default_value_t = 100_000, value_name = "ROWS")]
    rows: u64,
    /// Also puts the phones on the corporate list
    #[arg(long)]
    add_phones: bool,
    #[command(flatten)]
    rounds: figures::Rounds,
    #[command(flatten)]
    vs: Vs,
}

impl Run {
    /// Measures in new folders, and then the disk alone.
    pub(super) async fn run(self, folder: &Path, out: &Out) -> CliResult {
        if self.vs.is_given() && self.channel == RunTransport::Outbox {
            let text = "--vs sends no mails, so its run is compared with --channel null; leave out --channel outbox";
            return Err(Failure::Usage(text.to_owned()));
        }
        let postgres = self.vs.open().await?;
        let measured = self.channels(folder, postgres.as_ref(), out).await;
        vs::close(postgres, out).await;
        measured?;
        measure_disk(folder, out)
    }

    async fn channels(&self, folder: &Path, postgres: Option<&Postgres>, out: &Out) -> CliResult {
        let (people, rounds) = (self.people, self.rounds.count());
        let data = data(folder);
        let job = |transport| Job {
            data: &data,
            log: LogChoice::Files,
            people,
            add_phones: true,
            run: true,
            transport,
        };
        if self.channel != RunTransport::Outbox {
            out.say("a channel that does nothing:");
            let null: Arc<dyn Transport> = Arc::new(NullTransport);
            measure(&job(Some(null)), rounds, postgres, out).await?;
        }
        if self.channel != RunTransport::Null {
            out.say("the outbox:");
            measure(&job(None), rounds, None, out).await?;
        }
        Ok(Done::Completely)
    }
}

impl Import {
    /// Measures in new folders, and then the disk alone.
    pub(super) async fn run(self, folder: &Path, out: &Out) -> CliResult {
        let postgres = self.vs.open().await?;
        let job = Job {
            data: &data(folder),
            log: LogChoice::Files,
            people: self.rows,
            add_phones: self.add_phones,
            run: false,
            transport: None,
        };
        let measured = measure(&job, self.rounds.count(), postgres.as_ref(), out).await;
        vs::close(postgres, out).await;
        measured?;
        measure_disk(folder, out)
    }
}

/// The folder of a measurement, which removes it.
fn data(folder: &Path) -> std::path::PathBuf {
    folder.join(format!("job-{}", std::process::id()))
}

/// Prints the medians of the engine, and then the figures beside those of Postgres.
async fn measure(
    job: &Job<'_>,
    rounds: usize,
    postgres: Option<&Postgres>,
    out: &Out,
) -> CliResult {
    let measured = versus::measure(job, rounds, postgres, |step| out.note(step)).await;
    let (measured, beside) = match measured {
        Ok(versus) => (Ok(versus.measured), versus.figures),
        Err(error) => (Err(error), None),
    };
    figures::print_one(job.data, measured, Measured::as_json, out)?;
    match beside {
        Some(beside) => figures::print(job.data, Ok(beside), out),
        None => Ok(Done::Completely),
    }
}
