//! `boarding bench query`: measures the lists of a large company.

use std::path::Path;

use clap::Args;

use super::figures;
use crate::bench::lists::{self, Job};
use crate::cli::failure::CliResult;
use crate::cli::output::Out;

#[derive(Debug, Args)]
pub(super) struct Query {
    /// The number of people of the company: each is a row of every list
    #[arg(long, default_value_t = 1_000_000, value_name = "PEOPLE", value_parser = clap::value_parser!(u64).range(1..))]
    people: u64,
    /// The most requests of each kind in a round; slow ones are made for three seconds
    #[arg(long, default_value_t = 2_000, value_name = "REQUESTS", value_parser = clap::value_parser!(u32).range(1..))]
    requests: u32,
    #[command(flatten)]
    rounds: figures::Rounds,
}

impl Query {
    pub(super) async fn run(self, folder: &Path, out: &Out) -> CliResult {
        let data = folder.join(format!("query-{}", std::process::id()));
        let (people, requests) = (self.people, self.requests as usize);
        let job = Job { data: &data, people, requests, rounds: self.rounds.count() };
        let measured = lists::measure(&job, |step| out.note(step)).await;
        figures::print(&data, measured, out)
    }
}
