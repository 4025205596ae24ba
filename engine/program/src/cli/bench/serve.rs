//! `boarding bench serve`: measures commands and queries, in process and over NATS.

use std::path::Path;

use clap::Args;

use super::figures;
use super::vs::{self, Vs};
use crate::bench::serve::{self, Job};
use crate::cli::failure::CliResult;
use crate::cli::nats_options::NatsOptions;
use crate::cli::output::Out;

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    nats: NatsOptions,
    /// The number of companies that commands are for
    #[arg(long, default_value_t = 64, value_name = "COMPANIES", value_parser = clap::value_parser!(u16).range(1..))]
    companies: u16,
    /// The most commands or queries of each kind in a round
    #[arg(long, default_value_t = 20_000, value_name = "REQUESTS", value_parser = clap::value_parser!(u32).range(1..))]
    requests: u32,
    #[command(flatten)]
    rounds: figures::Rounds,
    #[command(flatten)]
    vs: Vs,
}

impl Serve {
    pub(super) async fn run(self, folder: &Path, out: &Out) -> CliResult {
        let nats = match &self.nats.nats {
            Some(_) => Some(self.nats.server()?),
            None => {
                out.note("only the engine in this process is measured; add --nats URL for NATS");
                None
            }
        };
        let data = folder.join(format!("serve-{}", std::process::id()));
        let job = Job {
            data: &data,
            nats,
            companies: usize::from(self.companies),
            requests: self.requests as usize,
            rounds: self.rounds.count(),
        };
        let postgres = self.vs.open().await?;
        let measured =
            Box::pin(serve::measure(&job, postgres.as_ref(), |step| out.note(step))).await;
        vs::close(postgres, out).await;
        figures::print(&data, measured, out)
    }
}
