//! `boarding audit`: verifies the log, compares the read models with it, shows what was signed, and exports proofs.

mod bundles;
mod findings;
mod signed;
mod verify;

use boarding_core::engine::Options;
use clap::{Args, Subcommand};

use super::common::Common;
use super::failure::{CliResult, Done, Failure, of_verification};
use super::history::History;
use super::opening::{open_engine, options};
use super::output::Out;
use super::session::Session;
use bundles::{Export, VerifyExport};
use findings::check_log_exists;
pub(super) use findings::failure;
use signed::{checkpoints, keys, replace_key};
use verify::Verify;
pub(super) use verify::{advise_on_copy, verify_folder};

/// Verifies the log and shows what was signed, for auditors
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding audit verify
  boarding audit verify --checkpoint kept.note --key 'boarding.log/…+…'
  boarding audit replay
  boarding audit history user:janeuser115 --company acme
  boarding audit checkpoints

See boarding manual audit.")]
pub(super) struct Audit {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Verify(Box<Verify>),
    /// Replays all events and compares the rows of the queries with the result
    #[command(after_help = "Example:\n  boarding audit replay --data /var/lib/boarding

The data folder must not be in use. A difference ends with status 3, and names the first row that differs.")]
    Replay,
    /// Lists the events of a company, the oldest first: as boarding history
    #[command(after_help = "Example:\n  boarding audit history user:janeuser115 --company acme")]
    History(History),
    /// Lists the signed checkpoints of the data folder, the newest last
    #[command(after_help = "Examples:
  boarding audit checkpoints
  boarding audit checkpoints --latest > checkpoint.note

A checkpoint is a signed note (C2SP tlog-checkpoint): it names a position of the log and a digest of what all companies
had at that position. Keep one outside of the data folder: boarding audit verify --checkpoint FILE shows later that the
log still begins with it.")]
    Checkpoints {
        /// Prints the newest one as it is, to be kept outside of the data folder
        #[arg(long)]
        latest: bool,
    },
    /// Lists the public keys that checkpoints are signed with, the newest last
    #[command(after_help = "Example:\n  boarding audit keys")]
    Keys,
    Export(Export),
    VerifyExport(VerifyExport),
    /// Replaces the signing key by a new one, which the old one signs
    #[command(after_help = "Example:\n  boarding audit replace-key

The data folder must not be in use. The new key signs the log at once. Give it to your auditors: it does not vouch for the
old one, which signs no later position.")]
    ReplaceKey,
}

impl Audit {
    /// Whether the verb works on a running engine too.
    pub(super) fn takes_url(&self) -> bool {
        matches!(self.verb, Verb::History(_))
    }

    pub(super) async fn run(self, common: &Common, out: &Out) -> CliResult {
        if common.as_of.is_some() && !self.takes_url() {
            let text = "boarding audit is about the whole log; leave out --as-of";
            return Err(Failure::Usage(text.to_owned()));
        }
        match self.verb {
            Verb::Verify(verb) => verb.run(common, out).await,
            Verb::Replay => replay(common, out).await,
            Verb::History(verb) => {
                if common.given_url().is_none() {
                    common.check_data_exists()?;
                }
                let session = Session::open_to_read(common, out).await?;
                let result = session.run(verb.run(&session)).await;
                session.end(result).await
            }
            Verb::Checkpoints { latest } => checkpoints(common, out, latest),
            Verb::Keys => keys(common, out),
            Verb::Export(verb) => verb.run(common, out).await,
            Verb::VerifyExport(verb) => verb.run(out).await,
            Verb::ReplaceKey => replace_key(common, out).await,
        }
    }
}

/// Compares the rows of the queries with a replay of the log.
async fn replay(common: &Common, out: &Out) -> CliResult {
    check_log_exists(&common.data())?;
    let engine = open_engine(Options { carries_runs: false, ..options(common)? }, out).await?;
    engine.caught_up().await?;
    let verified = tokio::task::block_in_place(|| engine.verify_read_models());
    engine.close().await;
    let verified = verified.map_err(|error| of_verification(&error))?;
    match out.is_json() {
        true => out.document(&verified.document()),
        false => out.line(&verified.to_string()),
    }
    Ok(Done::Completely)
}
