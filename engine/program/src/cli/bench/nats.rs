//! `boarding bench nats`: the engine on NATS, beside publishing to JetStream and nothing else.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::bench::nats::{self, HEADING, Job};
use crate::cli::failure::{CliResult, Done, Failure};
use crate::cli::output::Out;
use boarding_log::connect::ServerAddress;
use boarding_log::jetstream;

/// The servers, and how much is asked of them
#[derive(Debug, Args)]
pub(super) struct Nats {
    /// The NATS servers, with commas between: nats://[user:password@]host[:port] or tls://…
    #[arg(long, env = "BOARDING_NATS", hide_env_values = true, value_name = "URL")]
    nats: String,
    /// A file with a JWT and its key, as nsc makes them
    #[arg(long, env = "BOARDING_NATS_CREDENTIALS", value_name = "FILE")]
    nats_credentials: Option<PathBuf>,
    /// The certificates that the servers' may be signed by [default: the system's]
    #[arg(long, env = "BOARDING_NATS_CA", value_name = "FILE")]
    nats_ca: Option<PathBuf>,
    /// How many servers keep each stream [default: 3 in a cluster, otherwise 1]
    #[arg(long, value_name = "COPIES")]
    replicas: Option<usize>,
    /// Where the servers say what their settings are, http://host[:port]; once for each server
    #[arg(long, value_name = "URL")]
    monitor: Vec<String>,
    /// Measures on servers of which it is not known whether they keep what they acknowledge
    #[arg(long)]
    accept_unknown_sync: bool,
    /// How many companies the commands go to
    #[arg(long, default_value_t = 64, value_name = "COMPANIES", value_parser = clap::value_parser!(u16).range(1..))]
    companies: u16,
    /// How many commands or queries are under way at once
    #[arg(long, default_value_t = 256, value_name = "CLIENTS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    clients: u16,
    /// How many appends, commands or queries each round has at most
    #[arg(long, default_value_t = 20_000, value_name = "COMMANDS")]
    commands: usize,
    /// How many events are imported to see what memory that takes; 0 for none
    #[arg(long, default_value_t = 1_000_000, value_name = "EVENTS")]
    events: u64,
}

impl Nats {
    /// Measures in a folder of its own.
    pub(super) async fn run(self, folder: &Path, out: &Out) -> CliResult {
        let data = folder.join(format!("nats-{}", std::process::id()));
        let job = self.job(&data);
        let measured = Box::pin(nats::run(job)).await;
        let _ = std::fs::remove_dir_all(&data);
        let (lines, memory) =
            measured.map_err(|error| Failure::Unavailable(boarding_log::error_chain(&error)))?;
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
            // Who asks for one copy has accepted it.
            accept_one_copy: self.replicas == Some(1),
            monitors: self.monitor,
            accept_unknown_sync: self.accept_unknown_sync,
            ..jetstream::Options::new(server)
        };
        let (companies, clients) = (usize::from(self.companies), usize::from(self.clients));
        Job { data, log, companies, clients, commands: self.commands, events: self.events }
    }
}
