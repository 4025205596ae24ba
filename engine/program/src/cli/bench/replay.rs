//! `boarding bench replay`: measures how fast a log is verified and read models are built.

use std::path::Path;

use clap::Args;

use super::figures;
use crate::bench::replay::{self, Job};
use crate::cli::failure::CliResult;
use crate::cli::output::Out;

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The number of people in the log, who are imported with phones and invited once
    #[arg(long, default_value_t = 100_000, value_name = "PEOPLE", value_parser = clap::value_parser!(u64).range(1..))]
    people: u64,
    #[command(flatten)]
    rounds: figures::Rounds,
}

impl Replay {
    pub(super) async fn run(self, folder: &Path, out: &Out) -> CliResult {
        let data = folder.join(format!("replay-{}", std::process::id()));
        let job = Job { data: &data, people: self.people, rounds: self.rounds.count() };
        let measured = replay::measure(&job, |step| out.note(step)).await;
        figures::print(&data, measured, out)
    }
}
