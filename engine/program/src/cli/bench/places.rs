//! `boarding bench places`: measures whether other clients leave a small company its answers.

use clap::Args;

use crate::bench::places::{self, Answers, Job};
use crate::cli::failure::{CliResult, Done, unavailable};
use crate::cli::nats_options::NatsOptions;
use crate::cli::output::Out;

/// The server and the load
#[derive(Debug, Args)]
pub(super) struct Places {
    #[command(flatten)]
    nats: NatsOptions,
    /// The number of commands of the small company in each measurement
    #[arg(long, default_value_t = 400, value_name = "COMMANDS")]
    commands: usize,
    /// The number of queries that wait for a position of the log
    #[arg(long, default_value_t = 4_200, value_name = "QUERIES")]
    waiting: usize,
    /// The number of commands in flight that overload the engine
    #[arg(long, default_value_t = 60_000, value_name = "COMMANDS")]
    in_flight: usize,
}

impl Places {
    pub(super) async fn run(self, out: &Out) -> CliResult {
        let Self { nats, commands, waiting, in_flight } = self;
        let job = Job { server: nats.server()?, commands, waiting, in_flight };
        out.say("a small company's commands   per second   p50 ms   p99 ms   its answers: done, overloaded, none");
        let measured = places::run(job, |measured| {
            if out.is_json() {
                return out.document(&measured.as_json());
            }
            let Answers { accepted, overloaded, failed } = measured.answers;
            out.line(&format!("{}  {accepted:>8}, {overloaded}, {failed}", measured.line));
        });
        measured.await.map_err(|error| unavailable(&error))?;
        Ok(Done::Completely)
    }
}
