//! `boarding notifications`: lists the mails other than invitations.

use clap::Args;
use serde_json::json;

use super::columns;
use super::failure::CliResult;
use super::list::{self, CsvExport, Limit};
use super::session::Session;

/// Lists the mails other than invitations, with their states and reasons
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding notifications --company acme
  boarding notifications --kind batch_report --company acme
  boarding notifications --state failed --company acme
  boarding config set designated_admin_emails '[\"una@acme.example\"]' --company acme
  boarding config set notify.run_completed true --company acme")]
pub(super) struct Notifications {
    /// Only mails of this kind: welcome, import_completed, batch_report, run_started, run_completed,
    /// number_threshold, invitations_exceed_numbers, reminder, expired_digest
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only mails in this state: waiting, sending, sent, failed, dropped
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    export: CsvExport,
}

impl Notifications {
    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        let params = json!({"kind": self.kind, "state": self.state});
        list::show_or_write(
            session,
            "notifications",
            params,
            self.limit,
            columns::NOTIFICATIONS,
            &self.export,
        )
        .await
    }
}
