//! `boarding bench nats`: measures the engine on NATS, compared with raw publishing to JetStream.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::bench::nats::{self, HEADING, Job};
use crate::cli::failure::{CliResult, Done, unavailable};
use crate::cli::output::Out;
use boarding_log::connect::ServerAddress;
use boarding_log::jetstream;

/// The servers and the size of the bench
#[derive(Debug, Args)]
pub(super) struct Nats {
    /// The NATS servers, separated by commas: nats://[user:password@]host[:port] or tls://…
    #[arg(long, env = "BOARDING_NATS", hide_env_values = true, value_name = "URL")]
    nats: String,
    /// A credentials file of nsc, with a JWT and its key
    #[arg(long, env = "BOARDING_NATS_CREDENTIALS", value_name = "FILE")]
    nats_credentials: Option<PathBuf>,
    /// The certificates of the accepted authorities [default: the system's]
    #[arg(long, env = "BOARDING_NATS_CA", value_name = "FILE")]
    nats_ca: Option<PathBuf>,
    /// The number of copies of each stream [default: 3 in a cluster, else 1]
    #[arg(long, value_name = "COPIES")]
    replicas: Option<usize>,
    /// The monitoring address of a server, http://host[:port]; once for each server
    #[arg(long, value_name = "URL")]
    monitor: Vec<String>,
    /// Accepts servers without a monitoring address, whose sync settings are unknown
    #[arg(long)]
    accept_unknown_sync: bool,
    /// The number of companies
    #[arg(long, default_value_t = 64, value_name = "COMPANIES", value_parser = clap::value_parser!(u16).range(1..))]
    companies: u16,
    /// The number of concurrent commands or queries
    #[arg(long, default_value_t = 256, value_name = "CLIENTS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    clients: u16,
    /// The largest number of appends, commands or queries of each round
    #[arg(long, default_value_t = 20_000, value_name = "COMMANDS")]
    commands: usize,
    /// The number of events of an import whose memory is measured; 0 skips it
    #[arg(long, default_value_t = 1_000_000, value_name = "EVENTS")]
    events: u64,
}

impl Nats {
    /// Measures in a new folder and removes it.
    pub(super) async fn run(self, folder: &Path, out: &Out) -> CliResult {
        let data = folder.join(format!("nats-{}", std::process::id()));
        let job = self.job(&data);
        let measured = Box::pin(nats::run(job)).await;
        let _ = std::fs::remove_dir_all(&data);
        let (lines, memory) = measured.map_err(|error| unavailable(&error))?;
        out.say(HEADING);
        for line in lines {
            if out.is_json() {
                out.document(&line.as_json());
            } else {
                out.line(&line.to_string());
            }
        }
        match memory {
            Some(memory) if out.is_json() => out.document(&memory.as_json()),
            Some(memory) => out.line(&memory.to_string()),
            None => {}
        }
        Ok(Done::Completely)
    }

    fn job(self, data: &Path) -> Job<'_> {
        let server = ServerAddress {
            url: self.nats,
            credentials: self.nats_credentials,
            authorities: self.nats_ca,
            inbox: None,
        };
        let log = jetstream::Options {
            copies: self.replicas,
            // An operator who sets one copy has accepted it.
            accept_one_copy: self.replicas == Some(1),
            monitors: self.monitor,
            accept_unknown_sync: self.accept_unknown_sync,
            ..jetstream::Options::new(server)
        };
        let (companies, clients) = (usize::from(self.companies), usize::from(self.clients));
        Job { data, log, companies, clients, commands: self.commands, events: self.events }
    }
}
