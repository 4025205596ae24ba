//! `boarding notifications`: the mails beside invitations, who was told what and what became of it (ML-14).

use clap::Args;
use serde_json::json;

use super::columns;
use super::failure::Ending;
use super::list::{self, Limit, Sheet};
use super::session::Session;

/// Mails beside invitations: whom they are for, whether they went out, and why not
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding notifications --company acme
  boarding notifications --kind batch_report --company acme
  boarding notifications --state failed --company acme
  boarding config set designated_admin_emails '[\"una@acme.example\"]' --company acme
  boarding config set notify.run_completed true --company acme")]
pub(super) struct Notifications {
    /// Only of this kind: welcome, import_completed, batch_report, run_started, run_completed,
    /// number_threshold, invitations_exceed_numbers, reminder, expired_digest
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only in this state: waiting, sending, sent, failed, dropped
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    sheet: Sheet,
}

impl Notifications {
    pub(super) async fn run(self, session: &Session<'_>) -> Ending {
        let params = json!({"kind": self.kind, "state": self.state});
        list::show_or_write(
            session,
            "notifications",
            params,
            self.limit,
            columns::NOTIFICATIONS,
            &self.sheet,
        )
        .await
    }
}
