//! `boarding runs retry`: invites the people of a run whose mail failed or is uncertain again.

use clap::Args;
use serde_json::{Map, json};

use super::consent::Consent;
use super::failure::{CliResult, Failure};
use super::fields::text;
use super::latest;
use super::session::Session;
use super::start::{self, Request};
use boarding_commands::values::{RunId, Time};

/// Invites the failed and the uncertain people of a run again: shows their number, asks, and waits for the end
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding runs retry latest --company acme
  boarding runs retry 01JD0000000000000000000000 --failed --yes --company acme

The source of the new run names the old one. People who were mailed by a later run are left out.")]
pub(super) struct Retry {
    /// The id of the run that has ended, or `latest`
    id: String,
    /// Only people whose mail certainly failed [default: both]
    #[arg(long)]
    failed: bool,
    /// Only people whose mail may have been sent: they may get a second one
    #[arg(long)]
    uncertain: bool,
    /// Starts without asking; people of a run that has not ended need --yes-again
    #[arg(short, long)]
    yes: bool,
    /// Also starts without asking if some people are in a run that has not ended: they get a second mail
    #[arg(long)]
    yes_again: bool,
    /// The id of the new run [default: the id of the command]
    #[arg(long, value_name = "ULID")]
    run: Option<RunId>,
    /// Schedules the run: it enters the queue at this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    not_before: Option<Time>,
}

impl Retry {
    pub(super) fn check(&self) -> Result<(), Failure> {
        start::check_can_ask("runs retry", self.consent().yes())
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        let consent = self.consent();
        let failed_of = latest::run(session, self.id).await?;
        let row = session.row("run", json!({"run": failed_of})).await?;
        let outcomes = match (self.failed, self.uncertain) {
            (true, false) => json!(["failed"]),
            (false, true) => json!(["uncertain"]),
            (true, true) | (false, false) => json!(["failed", "uncertain"]),
        };
        let source = [("failed_of", json!(failed_of)), ("outcomes", outcomes)];
        let source: Map<_, _> =
            source.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let (channel, run) = (text(&row, "channel").to_owned(), self.run);
        let request = Request { source, channel, run, not_before: self.not_before, consent };
        request.start(session).await
    }

    fn consent(&self) -> Consent {
        Consent { yes: self.yes, yes_again: self.yes_again }
    }
}
