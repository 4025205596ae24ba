//! Waits for an import or a run, and shows its progress.

use boarding_commands::event::{Channel, MailKind};
use boarding_commands::mail_kinds;
use boarding_commands::template::Link;
use boarding_commands::values::Time;
use serde_json::{Value, json};

use super::failure::Failure;
use super::fields::{number, text};
use super::session::Session;
use super::words::counted;

/// The most people that the row of a run names as tried again.
const NAMED_AGAIN: u64 = 20;

/// Waits until an import is completed.
pub(super) async fn import(session: &Session<'_>, import: &str) -> Result<(), Failure> {
    session.caught_up().await?;
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
        session.pause().await;
    }
}

/// Fails if an import of people or of pictures cannot continue now.
pub(super) async fn check_blocked(session: &Session<'_>, import: &str) -> Result<(), Failure> {
    let all = session.blocked_imports().await?;
    let found = all.iter().find(|(id, _)| id == import);
    found.map_or(Ok(()), |(_, why)| Err(blocked(import, why)))
}

/// The failure of an import that cannot continue until the operator has done something.
pub(super) fn blocked(import: &str, why: &str) -> Failure {
    Failure::Unavailable(format!("import {import} cannot continue: {why}"))
}

/// Waits until a run is completed, withdrawn or scheduled, and returns its row.
pub(super) async fn run(session: &Session<'_>, run: &str) -> Result<Value, Failure> {
    session.caught_up().await?;
    placeholders(session).await?;
    let mut progress = session.out.progress("inviting");
    let (mut said_to_wait, mut said_again) = (false, false);
    loop {
        let row = session.row("run", json!({"run": run})).await?;
        let total = number(&row, "total");
        progress.at(total.saturating_sub(number(&row, "remaining")), total, &status(session, &row));
        if !matches!(text(&row, "state"), "pending" | "running") {
            return Ok(row);
        }
        if let Some(transport) = session.other_transport().await? {
            return Err(started_with(session, &transport));
        }
        let waits = waiting(session, &row);
        if let Some(text) = waits.filter(|_| !said_to_wait) {
            said_to_wait = true;
            session.out.remark(&session.out.placed(&format!(
                "the run {text}\n  no person is failed while the run waits, at most for relay_wait_minutes. Ctrl-C leaves the run waiting; to continue it: boarding runs resume; to end it: boarding runs give-up {run}"
            )));
        }
        if !said_again && let Some(people) = tried_again(session, &row) {
            said_again = true;
            session.out.remark(&format!(
                "{people}\n  Ctrl-C leaves the run; to go on later: boarding runs resume {}",
                session.sending_options()
            ));
        }
        session.pause().await;
    }
}

/// The people who are tried again later, if the run does nothing else now: one line for each.
fn tried_again(session: &Session<'_>, row: &Value) -> Option<String> {
    let people = row.get("tried_again").and_then(Value::as_array)?;
    let remaining = number(row, "remaining");
    let is_all = !people.is_empty() && people.len() as u64 == remaining.min(NAMED_AGAIN);
    is_all.then(|| refused_for_now(session, row)).flatten()
}

/// The people of a run whose mail was refused for now, with the next try, its end and the server's words. `None` if
/// there are none.
pub(super) fn refused_for_now(session: &Session<'_>, row: &Value) -> Option<String> {
    let people = row.get("tried_again").and_then(Value::as_array)?;
    if people.is_empty() || text(row, "state") != "running" {
        return None;
    }
    let now = session.now();
    let person = |again: &Value| {
        let [user, until, words] = ["user", "until", "last_words"].map(|name| text(again, name));
        format!("  {user}: {}, until {until}: {words}", next_try(now, text(again, "next_try")))
    };
    let lines: Vec<_> = people.iter().map(person).collect();
    let named = people.len() as u64;
    let are = counted(named, "person is", "people are");
    let least = if named < NAMED_AGAIN { "" } else { "at least " };
    Some(format!("{least}{are} refused for now and tried again:\n{}", lines.join("\n")))
}

/// Says that the mails of a run show a placeholder as link or sender. By a mail server such a run sends nothing.
///
/// # Errors
/// `config.link_base_url_unset`, if the mails would leave by a mail server.
pub(super) async fn placeholders(session: &Session<'_>) -> Result<(), Failure> {
    match session.sends_by_mail_server().await? {
        true => session.check_mail_settings().await,
        false => note_placeholders(session, true).await,
    }
}

/// The channel for a suggested run: the first that the company has enabled.
pub(super) async fn suggested_channel(session: &Session<'_>) -> Result<&'static str, Failure> {
    let config = session.row("config", json!({})).await?;
    let is_enabled =
        |name: &&str| config.pointer(&format!("/channels/{name}")) == Some(&json!(true));
    let mut names = Channel::ALL.iter().map(|channel| channel.as_str());
    Ok(names.find(is_enabled).unwrap_or("CHANNEL"))
}

/// Says that mails in the outbox show a placeholder: as sender, or as link if they have one.
pub(super) async fn note_placeholders(
    session: &Session<'_>,
    has_link: bool,
) -> Result<(), Failure> {
    if session.sends_by_mail_server().await? {
        return Ok(());
    }
    let unset = session.mail_placeholders(has_link).await?;
    let word = |setting: &str| if setting == "link_base_url" { "link" } else { "sender" };
    let what: Vec<&str> = unset.iter().map(|(setting, _)| word(setting)).collect();
    if what.is_empty() {
        return Ok(());
    }
    let company = &session.company;
    let command = |(setting, example): &(String, String)| {
        format!("boarding config set {setting} {example} --company {company}")
    };
    let commands = unset.iter().map(command).collect::<Vec<_>>().join("; ");
    let are = if what.len() == 1 { "is a placeholder" } else { "are placeholders" };
    session.out.remark(&session.out.placed(&format!(
        "note: the {} of these mails {are} (boarding.invalid), good for a trial only; set: {commands}",
        what.join(" and the ")
    )));
    Ok(())
}

/// The failure of a run that was started with another transport.
fn started_with(session: &Session<'_>, transport: &str) -> Failure {
    if session.is_remote() {
        return Failure::Unavailable(format!(
            "a run of the company was started with the mail transport {transport} and waits for it: start boarding serve{option}, or with --adopt-runs to continue it with the one it has (no mail is sent twice)",
            option = if transport == "smtp" { " with --smtp URL" } else { " without --smtp" },
        ));
    }
    Failure::Unavailable(format!(
        "a run of the company was started with the mail transport {transport} and waits for it: \
        boarding runs resume{option}, or add --adopt-runs to continue it with this one (no mail is sent twice)",
        option = if transport == "smtp" { " --smtp URL" } else { " without --smtp" },
    ))
}

/// Whether one of these mails shows a link.
pub(super) fn has_links(mails: &[Value]) -> bool {
    let kinds = MailKind::ALL.into_iter();
    let with_link = kinds.filter(|kind| mail_kinds::of(*kind).facts().link != Link::None);
    let with_link: Vec<_> = with_link.map(MailKind::as_str).collect();
    mails.iter().any(|mail| with_link.contains(&text(mail, "kind")))
}

/// What a run waits for, or nothing if it does not wait. A try whose time has come is not announced as a later one.
fn waiting(session: &Session<'_>, row: &Value) -> Option<String> {
    Some(format!("waits for the {}", awaited(session, row)?))
}

/// The mail server or disk that a run waits for, since when, and when it is tried again.
pub(super) fn awaited(session: &Session<'_>, row: &Value) -> Option<String> {
    awaited_at(session.now(), row)
}

fn awaited_at(now: Time, row: &Value) -> Option<String> {
    let waiting = row.get("waiting_for").filter(|waiting| waiting.is_object())?;
    let [what, since, next_try, last_words] =
        ["what", "since", "next_try", "last_words"].map(|name| text(waiting, name));
    Some(format!("{what} since {since}, {}: {last_words}", self::next_try(now, next_try)))
}

/// The time of the next try. A time that has come is not announced as a later one.
fn next_try(now: Time, at: &str) -> String {
    let is_due = at.parse::<Time>().is_ok_and(|at| at <= now);
    let next = if is_due { "the next try is due since" } else { "next try" };
    format!("{next} {at}")
}

/// The counts of a run, its place in the queue, or what it waits for.
fn status(session: &Session<'_>, row: &Value) -> String {
    if let Some(waiting) = waiting(session, row) {
        return waiting;
    }
    match row.get("queue_place").and_then(Value::as_u64) {
        Some(place) => format!("waiting, place {place} in the queue"),
        None => {
            let [passed, skipped, failed] =
                ["passed", "skipped", "failed"].map(|name| number(row, name));
            let counts = format!("people: {passed} invited, {skipped} skipped, {failed} failed");
            match row.get("tried_again").and_then(Value::as_array).map_or(0, Vec::len) {
                0 => counts,
                again => format!("{counts}, {again} tried again"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn try_whose_time_has_come_is_not_announced() {
        let at = |minute: u32| format!("2026-11-21T08:{minute:02}:00.000Z");
        let waiting =
            json!({"what": "mail server", "since": at(0), "next_try": at(5), "last_words": "421"});
        let row = json!({"waiting_for": waiting});
        let said = |minute| awaited_at(at(minute).parse().unwrap(), &row).unwrap();
        assert!(said(4).contains(&format!(", next try {}", at(5))), "{}", said(4));
        assert!(said(6).contains(&format!("the next try is due since {}", at(5))), "{}", said(6));
    }
}
