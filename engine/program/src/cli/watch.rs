//! Waits for an import or a run, and shows its progress.

use std::time::Duration;

use boarding_commands::decide::check_mail_settings;
use boarding_commands::values::Refusal;
use serde_json::{Value, json};

use super::columns::text_of;
use super::failure::Failure;
use super::fields::{number, text};
use super::session::Session;

/// The pause between two queries, in milliseconds: short enough for a smooth progress bar, with little load.
const POLL_MILLIS: u64 = 20;

/// Waits until an import is completed.
pub(super) async fn import(session: &Session<'_>, import: &str) -> Result<(), Failure> {
    session.engine.caught_up().await?;
    let mut progress = session.out.progress("importing");
    loop {
        let row = session.row("import_progress", json!({"import": import})).await?;
        let message = format!("rows, {} invalid", number(&row, "invalid"));
        progress.at(number(&row, "processed"), number(&row, "total"), &message);
        if text(&row, "state") != "processing" {
            return Ok(());
        }
        // Such an import stays in `processing`, so waiting for it would never end.
        check_blocked(session, import).await?;
        pause().await;
    }
}

/// Fails if an import of people or of pictures cannot continue now.
pub(super) async fn check_blocked(session: &Session<'_>, import: &str) -> Result<(), Failure> {
    let all = session.blocked_imports().await;
    let found = all.iter().find(|(id, _)| id.to_string() == import);
    found.map_or(Ok(()), |(_, why)| Err(blocked(import, why)))
}

/// The failure of an import that cannot continue until the operator has done something.
pub(super) fn blocked(import: &str, why: &str) -> Failure {
    Failure::Unavailable(format!("import {import} cannot continue: {why}"))
}

/// Waits until a run is completed, withdrawn or scheduled, and returns its row.
pub(super) async fn run(session: &Session<'_>, run: &str) -> Result<Value, Failure> {
    session.engine.caught_up().await?;
    placeholders(session).await?;
    let mut progress = session.out.progress("inviting");
    let mut said_to_wait = false;
    loop {
        let row = session.row("run", json!({"run": run})).await?;
        let total = number(&row, "total");
        progress.at(total.saturating_sub(number(&row, "remaining")), total, &status(&row));
        if !matches!(text(&row, "state"), "pending" | "running") {
            return Ok(row);
        }
        if let Some(transport) = session.other_transport().await {
            return Err(started_with(&transport));
        }
        let waits = waiting(&row);
        if let Some(text) = waits.filter(|_| !said_to_wait) {
            said_to_wait = true;
            session.out.remark(&format!(
                "the run {text}\n  no person is failed while the run waits, at most for relay_wait_minutes. Ctrl-C leaves the run waiting; boarding runs resume continues it, boarding runs give-up {run} ends it"
            ));
        }
        pause().await;
    }
}

/// Says that the mails of a run show a placeholder as link or sender. By a mail server such a run sends nothing.
///
/// # Errors
/// `config.link_base_url_unset`, if the mails would leave by a mail server.
pub(super) async fn placeholders(session: &Session<'_>) -> Result<(), Failure> {
    if !session.engine.sends_by_mail_server() {
        note_placeholders(session).await;
        return Ok(());
    }
    missing_settings(session).await.map_or(Ok(()), |refusal| Err(refusal.into()))
}

/// Says that mails in the outbox show a placeholder as link or sender.
pub(super) async fn note_placeholders(session: &Session<'_>) {
    if session.engine.sends_by_mail_server() {
        return;
    }
    let Some(refusal) = missing_settings(session).await else { return };
    let commands = refusal.details.get("commands").map(text_of).unwrap_or_default();
    session.out.remark(&format!(
        "note: link or sender of these mails is a placeholder (boarding.invalid), good for a trial only; set: {commands}"
    ));
}

/// What mails with a link need and the company has not set, as a refusal.
async fn missing_settings(session: &Session<'_>) -> Option<Refusal> {
    let actor = session.engine.actor(&session.company).await;
    actor.inspect(check_mail_settings).await?.err()
}

/// The failure of a run that was started with another transport.
pub(super) fn started_with(transport: &str) -> Failure {
    Failure::Unavailable(format!(
        "a run of the company was started with the mail transport {transport} and waits for it: \
        boarding runs resume{option}, or add --adopt-runs to continue it with this one (no mail is sent twice)",
        option = if transport == "smtp" { " --smtp URL" } else { " without --smtp" },
    ))
}

/// What a run waits for, or nothing if it does not wait.
fn waiting(row: &Value) -> Option<String> {
    let waiting = row.get("waiting_for").filter(|waiting| waiting.is_object())?;
    let [what, since, next_try, last_words] =
        ["what", "since", "next_try", "last_words"].map(|name| text(waiting, name));
    Some(format!("waits for the {what} since {since}, next try {next_try}: {last_words}"))
}

/// The counts of a run, its place in the queue, or what it waits for.
fn status(row: &Value) -> String {
    if let Some(waiting) = waiting(row) {
        return waiting;
    }
    match row.get("queue_place").and_then(Value::as_u64) {
        Some(place) => format!("waiting, place {place} in the queue"),
        None => {
            let [passed, skipped, failed] =
                ["passed", "skipped", "failed"].map(|name| number(row, name));
            format!("people: {passed} invited, {skipped} skipped, {failed} failed")
        }
    }
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(POLL_MILLIS)).await;
}
