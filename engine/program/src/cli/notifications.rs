//! `boarding notifications`: lists the mails other than invitations, and sends them again.

use std::collections::BTreeSet;

use boarding_commands::event::MailKind;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::columns;
use super::failure::{CliResult, Done, Failure};
use super::fields::{number, set, text};
use super::list::{self, CsvExport, Limit};
use super::session::Session;
use super::watch;
use super::words::counted;

/// Lists the mails other than invitations, with their states and reasons, and sends them again
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding notifications --company acme
  boarding notifications --kind batch_report --company acme
  boarding notifications --state failed --company acme
  boarding notifications resend --state failed --company acme
  boarding config set designated_admin_emails '[\"una@acme.example\"]' --company acme
  boarding config set notify.run_completed true --company acme")]
pub(super) struct Notifications {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists the mails
    #[command(after_help = "\
Example:
  boarding notifications list --state failed --company acme")]
    List(List),
    Resend(Resend),
}

#[derive(Debug, Default, PartialEq, Args)]
struct List {
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

/// Sends mails again that failed or may have failed, and tries waiting mails now
#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  boarding notifications resend --state failed --company acme --smtp smtp://mail.example
  boarding notifications resend batch_report.01JD0000000000000000000000.0 --company acme

A mail that failed with delivery.uncertain may have been sent: its recipient may get it twice.",
    override_usage = "boarding notifications resend [OPTIONS] <KEY>...|--state <STATE>"
)]
struct Resend {
    /// The mails, by the key that the list shows
    #[arg(value_name = "KEY", required_unless_present = "state", conflicts_with = "state")]
    keys: Vec<String>,
    /// All mails in this state: failed, waiting
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
}

/// Lists the kinds of mails other than invitations.
fn kind_help() -> String {
    let kinds = MailKind::ALL.into_iter().filter(|kind| !kind.is_invitation());
    let names: Vec<_> = kinds.map(MailKind::as_str).collect();
    format!("Only mails of this kind: {}", names.join(", "))
}

impl Notifications {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.list)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        let list = match self.verb.unwrap_or(Verb::List(self.list)) {
            Verb::List(list) => list,
            Verb::Resend(resend) => return resend.run(session).await,
        };
        let params = json!({"kind": list.kind, "state": list.state});
        let columns = columns::NOTIFICATIONS;
        list::show_or_write(session, "notifications", params, list.limit, columns, &list.export)
            .await
    }
}

impl Resend {
    async fn run(self, session: &Session<'_>) -> CliResult {
        let body = match &self.state {
            // A waiting mail stays with the transport that it waits for.
            Some(state) if state == "waiting" => {
                json!({"state": state, "channel": session.engine.transport_name()})
            }
            Some(state) => json!({"state": state}),
            None => json!({"keys": self.keys}),
        };
        let failed = async || -> Result<BTreeSet<String>, Failure> {
            let rows = session.rows("notifications", json!({"state": "failed"}), None).await?;
            Ok(rows.iter().map(|row| text(row, "key").to_owned()).collect())
        };
        // Mails that had failed before are not mails of this verb, unless it sends them again.
        let before = match self.state.as_deref() {
            Some("waiting") => failed().await?,
            _ => BTreeSet::new(),
        };
        let queued = resend(session, body).await?;
        session.settle().await?;
        if queued > 0 && !session.engine.sends_by_mail_server() {
            session.out.note(
                "the mails are files in the outbox now; to send mails by a mail server: add --smtp URL",
            );
            let newest = usize::try_from(queued).unwrap_or(usize::MAX);
            let mails = session.rows("notifications", json!({}), Some(newest)).await?;
            watch::note_placeholders(session, watch::has_links(&mails)).await;
        }
        let ours = |key: &&String| {
            !before.contains(*key) && (self.keys.is_empty() || self.keys.contains(*key))
        };
        let failed = failed().await?.iter().filter(ours).count();
        if session.out.is_json() {
            session.out.document(&json!({"queued": queued, "failed": failed}));
        } else {
            session.out.line(&format!(
                "{} tried again, {failed} failed",
                counted(queued, "mail was", "mails were")
            ));
        }
        Ok(Done::with_failures(failed as u64))
    }
}

/// Tries the waiting mails of this transport again, without waiting for their time.
pub(super) async fn retry_deferred(session: &Session<'_>) -> Result<(), Failure> {
    let actor = session.engine.actor(&session.company).await;
    // The pending work is known once the company is loaded.
    actor.inspect(|_| ()).await;
    let waiting = actor.pending_work().borrow().notifications_deferred_here;
    if waiting > 0 {
        let transport = session.engine.transport_name();
        resend(session, json!({"state": "waiting", "channel": transport})).await?;
    }
    Ok(())
}

/// Sends mails again, with as many commands as it takes. Returns their number.
async fn resend(session: &Session<'_>, mut body: Value) -> Result<u64, Failure> {
    let mut queued = 0;
    loop {
        let accepted = session.submit_new("ResendNotifications", body.clone()).await?;
        queued += number(&accepted.result, "queued");
        match accepted.result.get("next").filter(|next| next.is_string()) {
            Some(next) => set(&mut body, "after", next.clone()),
            None => return Ok(queued),
        }
    }
}
