//! `boarding notifications`: lists the mails other than invitations.

use boarding_commands::event::TemplateKind;
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
    #[arg(long, value_name = "KIND", help = kind_help())]
    kind: Option<String>,
    /// Only mails in this state: waiting, sending, sent, failed, dropped
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    export: CsvExport,
}

/// Lists the kinds of mails other than invitations.
fn kind_help() -> String {
    let kinds = TemplateKind::ALL.into_iter().filter(|kind| !kind.is_invitation());
    let names: Vec<_> = kinds.map(TemplateKind::as_str).collect();
    format!("Only mails of this kind: {}", names.join(", "))
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
