//! `boarding notifications`: lists the mails other than invitations, and sends them again.

use std::collections::{BTreeMap, BTreeSet};

use boarding_commands::event::MailKind;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};

use super::columns;
use super::failure::{CliResult, Done, Failure};
use super::fields::{id_in_key, is_unfinished, number, set, text};
use super::list::{self, CsvExport, Limit};
use super::session::{Session, is_open};
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

/// Sends mails again that failed or may have been sent, and tries waiting mails now
#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  boarding notifications resend --state waiting --company acme --smtp smtp://mail.example
  boarding notifications resend --state failed --company acme --smtp smtp://mail.example
  boarding notifications resend batch_report.01JD0000000000000000000000.0 --company acme

The recipients are those of the list. A mail that failed with delivery.uncertain may have been sent: its recipient may
get it twice. A mail that was sent is not sent again. For a new link of an administrator: boarding imports link ID;
for invitations: boarding invitations resend.",
    override_usage = "boarding notifications resend [OPTIONS] <KEY>...|--state <STATE>"
)]
struct Resend {
    /// The mails, by the key that the list shows
    #[arg(value_name = "KEY", required_unless_present = "state", conflicts_with = "state")]
    keys: Vec<String>,
    /// All mails in this state
    #[arg(long, value_name = "STATE")]
    state: Option<ResendState>,
}

/// The states of mails that can be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ResendState {
    /// They failed, or may have been sent: their recipients get them now
    Failed,
    /// Nobody has got them yet, and they wait for the mail server: it is tried now
    Waiting,
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
        let (query, columns) = ("notifications", columns::NOTIFICATIONS);
        if session.out.is_json() || list.export.format().is_some() {
            let (limit, export) = (list.limit, &list.export);
            return list::show_or_write(session, query, params, limit, columns, export).await;
        }
        let mut rows = session.rows(query, params, list.limit.limit).await?;
        add_runs(session, &mut rows).await;
        list::print_rows(session, columns, &rows);
        Ok(Done::Completely)
    }
}

/// Adds to the waiting mails about an import the run of the import, as their reason: they are sent after its end.
async fn add_runs(session: &Session<'_>, mails: &mut [Value]) {
    let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
    for mail in mails {
        let has_reason = mail.get("reason").is_some_and(|reason| !reason.is_null());
        let waits = matches!(text(mail, "kind"), "import_completed" | "batch_report");
        if text(mail, "state") != "waiting" || has_reason || !waits {
            continue;
        }
        // The run that an import requests has the id of the import.
        let Some(run) = id_in_key(mail).map(str::to_owned) else { continue };
        if !known.contains_key(&run) {
            let row = session.row("run", json!({"run": run})).await.ok();
            let reason = row.as_ref().and_then(|row| end_of(session, row));
            known.insert(run.clone(), reason);
        }
        if let Some(Some(reason)) = known.get(&run) {
            set(mail, "reason", reason.as_str());
        }
    }
}

/// What a mail waits for that is sent after the end of this run. None if the run has ended.
fn end_of(session: &Session<'_>, run: &Value) -> Option<String> {
    let (id, state) = (text(run, "run"), text(run, "state"));
    if !is_unfinished(run) {
        return None;
    }
    let is = match watch::awaited(session, run) {
        Some(awaited) => format!("waits for the {awaited}"),
        None => format!("is {state}"),
    };
    Some(format!("sent after the end of run {id}, which {is}"))
}

impl Resend {
    async fn run(self, session: &Session<'_>) -> CliResult {
        let transport = &session.transport_name().await?;
        let (body, keys) = match self.state {
            // A waiting mail stays with the transport that it waits for.
            Some(ResendState::Waiting) => {
                (waiting_for(transport), waiting(session, transport).await?)
            }
            Some(ResendState::Failed) => (json!({"state": "failed"}), failed(session).await?),
            None => (json!({"keys": self.keys}), unsent(session, &self.keys).await?),
        };
        let queued = resend(session, body).await?;
        session.settle_mails(&keys).await?;
        if queued > 0 && !session.sends_by_mail_server().await? {
            let how = match session.is_remote() {
                true => "start boarding serve with --smtp URL",
                false => "add --smtp URL",
            };
            session.out.note(&format!(
                "the mails are files in the outbox now; to send mails by a mail server: {how}"
            ));
            let mut mails = session.rows("notifications", json!({}), None).await?;
            mails.retain(|mail| keys.contains(text(mail, "key")));
            watch::note_placeholders(session, watch::has_links(&mails)).await?;
        }
        let retried = Retried::of(session, transport, &keys, queued).await?;
        if session.out.is_json() {
            session.out.document(&json!(retried));
        } else {
            retried.print(session, transport, self.state);
        }
        Ok(Done::with_failures(retried.failed))
    }
}

/// What came of mails that were tried again.
#[derive(Debug, Serialize)]
struct Retried {
    queued: u64,
    sent: u64,
    /// The mails that are still queued or being sent.
    #[serde(skip_serializing_if = "is_zero")]
    sending: u64,
    /// The mails that still wait for this transport.
    waiting: u64,
    failed: u64,
    /// The next attempt for one of the waiting mails.
    next_try: Option<String>,
    /// The last words of the server about this mail.
    reason: Option<String>,
    /// How many mails wait for another transport, which were not tried.
    waiting_elsewhere: BTreeMap<String, u64>,
}

impl Retried {
    async fn of(
        session: &Session<'_>,
        transport: &str,
        keys: &BTreeSet<String>,
        queued: u64,
    ) -> Result<Self, Failure> {
        let waiting = session.rows("notifications", json!({"state": "waiting"}), None).await?;
        let others = waiting.iter().map(|row| text(row, "waits_for"));
        let mut waiting_elsewhere = BTreeMap::new();
        for other in others.filter(|other| !other.is_empty() && *other != transport) {
            *waiting_elsewhere.entry(other.to_owned()).or_default() += 1;
        }
        let mut tried_again = session.rows("notifications", json!({}), None).await?;
        tried_again.retain(|row| keys.contains(text(row, "key")));
        let in_state = |state: &str| {
            tried_again.iter().filter(|row| text(row, "state") == state).count() as u64
        };
        let ours = tried_again
            .iter()
            .filter(|row| text(row, "state") == "waiting" && text(row, "waits_for") == transport);
        let tried = ours.clone().filter(|row| !text(row, "next_try").is_empty());
        let next = tried.min_by_key(|row| text(row, "next_try"));
        Ok(Self {
            queued,
            sent: in_state("sent"),
            sending: tried_again.iter().filter(|row| is_open(row)).count() as u64,
            waiting: ours.count() as u64,
            failed: in_state("failed"),
            next_try: next.map(|row| text(row, "next_try").to_owned()),
            reason: next.map(|row| text(row, "reason").to_owned()),
            waiting_elsewhere,
        })
    }

    fn print(&self, session: &Session<'_>, transport: &str, state: Option<ResendState>) {
        let out = session.out;
        let Self { queued, sent, sending, waiting, failed, .. } = *self;
        let mails = |count: u64| counted(count, "mail", "mails");
        match (queued, state) {
            (0, Some(ResendState::Waiting)) => {
                let transport = name_of(transport);
                out.line(&format!("no mail was tried again: none waits for {transport}"));
            }
            (0, _) => out.line("no mail was tried again: none has failed"),
            _ => out.line(&format!(
                "{} tried again: {sent} sent, {waiting} still waiting, {failed} failed",
                mails(queued)
            )),
        }
        let options = session.location_options();
        if sending > 0 {
            let are = counted(sending, "mail is", "mails are");
            out.line(&format!("  {are} still being sent: boarding notifications {options}"));
        }
        if let (Some(at), Some(reason)) = (&self.next_try, &self.reason) {
            out.line(&format!(
                "  {} for {}: {reason}\n  next try: {at}, by boarding serve, or now by boarding runs resume {}",
                waits(waiting),
                name_of(transport),
                session.sending_options()
            ));
        }
        for (transport, count) in &self.waiting_elsewhere {
            let how = match (transport.as_str(), session.is_remote()) {
                ("smtp", false) => "add --smtp URL",
                (_, false) => "repeat the command without --smtp",
                ("smtp", true) => "start boarding serve with --smtp URL",
                (_, true) => "start boarding serve without --smtp",
            };
            out.line(&format!("  {} for {}: {how}", waits(*count), name_of(transport)));
        }
        if failed > 0 {
            out.line(&format!("  why: boarding notifications --state failed {options}"));
        }
    }
}

/// A number of mails that wait.
fn waits(count: u64) -> String {
    let wait = if count == 1 { "waits" } else { "wait" };
    format!("{} {wait}", counted(count, "mail", "mails"))
}

/// A transport in the words of an operator.
fn name_of(transport: &str) -> String {
    match transport {
        "smtp" => "the mail server".to_owned(),
        "outbox" => "the outbox".to_owned(),
        other => format!("the transport {other}"),
    }
}

/// The body of a command that tries the mails again that wait for this transport.
fn waiting_for(transport: &str) -> Value {
    json!({"state": "waiting", "channel": transport})
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Those of the keys whose mail is not sent yet: a mail that was sent is not sent again.
async fn unsent(session: &Session<'_>, keys: &[String]) -> Result<BTreeSet<String>, Failure> {
    let mut mails = session.rows("notifications", json!({}), None).await?;
    mails.retain(|mail| text(mail, "state") != "sent");
    let unsent: BTreeSet<_> = mails.iter().map(|mail| text(mail, "key").to_owned()).collect();
    Ok(keys.iter().filter(|key| unsent.contains(*key)).cloned().collect())
}

/// The keys of the failed mails.
async fn failed(session: &Session<'_>) -> Result<BTreeSet<String>, Failure> {
    let rows = session.rows("notifications", json!({"state": "failed"}), None).await?;
    Ok(rows.iter().map(|row| text(row, "key").to_owned()).collect())
}

/// The keys of the mails that wait for this transport.
async fn waiting(session: &Session<'_>, transport: &str) -> Result<BTreeSet<String>, Failure> {
    session.caught_up().await?;
    let rows = session.rows("notifications", json!({"state": "waiting"}), None).await?;
    let ours = rows.iter().filter(|row| text(row, "waits_for") == transport);
    Ok(ours.map(|row| text(row, "key").to_owned()).collect())
}

/// The waiting mails of this transport, tried again without waiting for their time.
pub(super) struct Deferred {
    transport: String,
    keys: BTreeSet<String>,
    queued: u64,
}

/// Tries the waiting mails of this transport again, without waiting for their time.
pub(super) async fn retry_deferred(session: &Session<'_>) -> Result<Option<Deferred>, Failure> {
    if session.mails_waiting_here().await? == 0 {
        return Ok(None);
    }
    let transport = session.transport_name().await?;
    let keys = waiting(session, &transport).await?;
    let queued = resend(session, waiting_for(&transport)).await?;
    Ok(Some(Deferred { transport, keys, queued }))
}

impl Deferred {
    /// Prints what came of the mails, once the work has ended.
    pub(super) async fn report(&self, session: &Session<'_>) -> Result<(), Failure> {
        session.settle_mails(&self.keys).await?;
        if !session.out.is_json() {
            let transport = &self.transport;
            let retried = Retried::of(session, transport, &self.keys, self.queued).await?;
            retried.print(session, transport, Some(ResendState::Waiting));
        }
        Ok(())
    }
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
