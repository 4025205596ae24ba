//! `boarding bench companies`: measures many small companies that import and invite.

use std::path::Path;

use clap::Args;

use super::figures;
use super::vs::{self, Vs};
use crate::bench::companies::{self, Job};
use crate::cli::failure::CliResult;
use crate::cli::output::Out;

#[derive(Debug, Args)]
pub(super) struct Companies {
    /// The number of companies
    #[arg(long, default_value_t = 1_000, value_name = "COMPANIES", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    companies: u32,
    /// The number of people that each company imports and invites
    #[arg(long, default_value_t = 100, value_name = "PEOPLE", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    people: u32,
    /// The companies that import or invite at once
    #[arg(long, default_value_t = 64, value_name = "COMPANIES", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    at_once: u16,
    #[command(flatten)]
    rounds: figures::Rounds,
    #[command(flatten)]
    vs: Vs,
}

impl Companies {
    pub(super) async fn run(self, folder: &Path, out: &Out) -> CliResult {
        let data = folder.join(format!("companies-{}", std::process::id()));
        let job = Job {
            data: &data,
            companies: self.companies as usize,
            people: u64::from(self.people),
            at_once: usize::from(self.at_once),
            rounds: self.rounds.count(),
        };
        let postgres = self.vs.open().await?;
        let measured = companies::measure(&job, postgres.as_ref(), |step| out.note(step)).await;
        vs::close(postgres, out).await;
        figures::print(&data, measured, out)
    }
}
