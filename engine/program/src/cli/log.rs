//! `boarding log`: the integration log of a run.

use clap::Args;
use serde_json::json;

use super::columns;
use super::failure::CliResult;
use super::latest;
use super::list::{self, CsvExport, Limit};
use super::session::Session;

/// Lists the people of a run with their outcomes and reasons
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding log latest --company acme
  boarding log 01JD0000000000000000000000 --status failed --company acme
  boarding log latest --spreadsheet -o log.csv --company acme")]
pub(super) struct Log {
    /// The run's id, or `latest`
    run: String,
    /// Only people with this status: queued, dispatching, invited, skipped, failed, withdrawn. JSON and CSV say success
    /// for invited
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only people with this text in the user name or email address
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    export: CsvExport,
}

impl Log {
    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        let run = latest::run(session, self.run).await?;
        let status = self.status.map(|status| match status.to_lowercase().as_str() {
            "invited" => "success".to_owned(),
            _ => status,
        });
        let params = json!({"run": run, "status": status, "search": self.search});
        list::show_or_write(
            session,
            "integration_log",
            params,
            self.limit,
            columns::LOG,
            &self.export,
        )
        .await
    }
}
