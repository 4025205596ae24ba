//! `boarding log`: the integration log of a run, while it goes on and for ever after (LX-22, LX-24, LX-25).

use clap::Args;
use serde_json::json;

use super::columns;
use super::failure::Ending;
use super::list::{self, Limit, Sheet};
use super::runs;
use super::session::Session;

/// What became of each person of a run, and why
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding log latest --company acme
  boarding log 01JD0000000000000000000000 --status failed --company acme
  boarding log latest --spreadsheet -o log.csv --company acme")]
pub(super) struct Log {
    /// The run's id, or `latest`
    run: String,
    /// Only those with this status: queued, dispatching, success, skipped, failed
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Part of a user name or an address
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    sheet: Sheet,
}

impl Log {
    pub(super) async fn run(self, session: &Session<'_>) -> Ending {
        let run = runs::resolve(session, self.run).await?;
        let params = json!({"run": run, "status": self.status, "search": self.search});
        list::show_or_write(
            session,
            "integration_log",
            params,
            self.limit,
            columns::LOG,
            &self.sheet,
        )
        .await
    }
}
