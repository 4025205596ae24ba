//! `boarding runs retry`: invites people of a run again if their mail failed or is uncertain.

use clap::Args;
use serde_json::{Map, json};

use super::failure::CliResult;
use super::fields::text;
use super::latest;
use super::session::Session;
use super::start::{Request, RunOptions};

/// Invites again the people of a run whose mail failed or may have been sent: shows their number, asks, and waits
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding runs retry latest --company acme
  boarding runs retry latest --preview --company acme
  boarding runs retry 01JD0000000000000000000000 --failed --yes --company acme

The source of the new run names the old one. People who were mailed by a later run are left out.")]
pub(super) struct Retry {
    /// The id of the run that has ended, or `latest`
    id: String,
    /// Only people whose mail certainly failed [default: these and --uncertain]
    #[arg(long)]
    failed: bool,
    /// Only people whose mail may have been sent: they may get a second one
    #[arg(long)]
    uncertain: bool,
    #[command(flatten)]
    options: RunOptions,
}

impl Retry {
    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        let failed_of = latest::run(session, self.id).await?;
        let row = session.row("run", json!({"run": failed_of})).await?;
        latest::say_import_of(session, &row).await?;
        let outcomes = match (self.failed, self.uncertain) {
            (true, false) => json!(["failed"]),
            (false, true) => json!(["uncertain"]),
            (true, true) | (false, false) => json!(["failed", "uncertain"]),
        };
        let source = [("failed_of", json!(failed_of)), ("outcomes", outcomes)];
        let source: Map<_, _> =
            source.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let channel = text(&row, "channel").to_owned();
        let verb = "runs retry";
        Request { verb, source, channel, options: self.options }.start(session).await
    }
}
