//! Sentences about the import, its row and its undo.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{
    Event, FileRef, PhoneOutcome, RowOutcome, RowRef, UndoCounts, UndoOutcome,
};

use super::words::{actor, coded, counted, counts, problem, problems};

pub(super) fn row(recorded: &RecordedEvent<'_>) -> Option<String> {
    let (outcome, row) = recorded.event.row()?;
    let user = recorded.event.subjects().user.map_or("a user without a key", |user| user.as_str());
    let why = match recorded.event {
        Event::RowRefused { problems: found, .. } => problems(found),
        _ => String::new(),
    };
    let what = match outcome {
        RowOutcome::Created => format!("created the user {user}."),
        RowOutcome::Updated => format!("changed the user {user}: {}.", changed(recorded.event)),
        RowOutcome::Unchanged => {
            format!(
                "has the values that the user {user} had before, so it changed no value of the user."
            )
        }
        RowOutcome::Activated => format!("activated the user {user}."),
        RowOutcome::Deactivated => format!("deactivated the user {user}."),
        RowOutcome::Skipped => format!("names {user}. It was skipped and changed nothing: {why}"),
        RowOutcome::Duplicate => {
            format!("names {user}, as another row does. It changed nothing: {why}")
        }
        RowOutcome::Invalid => format!("names {user}. It is invalid and changed nothing: {why}"),
    };
    let RowRef { row: number, line, .. } = row;
    Some(format!("Row {number} (line {line} of the file) {what}{}", remarks(row)))
}

/// The values that an update changed.
fn changed(event: &Event) -> String {
    match event {
        Event::UserUpdated { changed, .. } => changed.join(", "),
        _ => String::new(),
    }
}

/// What the row says beside its outcome: its phone and its warnings.
fn remarks(row: &RowRef) -> String {
    let phone = match (row.phone, row.phone_problem()) {
        (Some(PhoneOutcome::Rejected(_)), Some(why)) => {
            format!(" Its phone was rejected: {}", problem(why))
        }
        (Some(PhoneOutcome::Rejected(code)), None) => {
            format!(" Its phone was rejected: {}", coded(code))
        }
        (Some(PhoneOutcome::AlreadyPresent), _) => {
            " Its phone was on the corporate phone list before.".to_owned()
        }
        (Some(PhoneOutcome::Added) | None, _) => String::new(),
    };
    match row.other_warnings() {
        [] => phone,
        warnings => format!("{phone} Warnings: {}", problems(warnings)),
    }
}

pub(super) fn import(recorded: &RecordedEvent<'_>) -> Option<String> {
    let by = actor(recorded);
    Some(match recorded.event {
        Event::ImportAccepted { files, options, total, .. } => {
            let names: Vec<_> = files.iter().map(file).collect();
            let rows = counted(*total, "row", "rows");
            let (names, dialect) = (names.join(", "), &options.dialect);
            format!("{by} imported the file {names} with {rows}, in the dialect {dialect}.")
        }
        Event::ImportPlaced { organization, permission_group, .. } => format!(
            "The people of the file get the organization {organization} and the permission group {permission_group}."
        ),
        Event::ImportCompleted { counts: c, .. } => {
            let all = counts(&[
                (c.created, "created"),
                (c.updated, "updated"),
                (c.unchanged, "unchanged"),
                (c.activated, "activated"),
                (c.deactivated, "deactivated"),
                (c.skipped, "skipped"),
                (c.duplicate, "duplicate"),
                (c.invalid, "invalid"),
            ]);
            format!("The import ended. Of its rows: {all}.")
        }
        Event::ImportInvitesRequested { channel, created_only, .. } => {
            let people = if *created_only { "the people that it created" } else { "its people" };
            format!("The import requested a run that invites {people} on {}.", channel.as_str())
        }
        Event::ImportInvitesRefused { problem: why, .. } => {
            format!("No run was started for the import: {}", problem(why))
        }
        Event::ImportNotificationRequested { expires_at, .. } => format!(
            "A mail to the administrator was requested. Its link invites the people of the import, until {expires_at}."
        ),
        Event::ImportLinkUsed { run, .. } => {
            format!("The link in the administrator's mail was used. It requested the run {run}.")
        }
        event => return undo(event, by),
    })
}

/// The name of the file and the digest of its bytes.
fn file(file: &FileRef) -> String {
    format!("{} (SHA-256 {})", file.name, file.sha256)
}

fn undo(event: &Event, by: &str) -> Option<String> {
    Some(match event {
        Event::ImportUndoStarted { .. } => format!("{by} started the undo of the import."),
        Event::RowUndone { row, user, outcome: UndoOutcome::Reversed, .. } => {
            format!("The undo reversed row {row}: {} is as before the import.", user.as_str())
        }
        Event::RowUndone { row, user, code, .. } => {
            let why = code.map(coded).unwrap_or_default();
            format!("The undo left {} of row {row} unchanged: {why}", user.as_str())
        }
        Event::ImportUndone { counts, .. } => format!("The undo ended. {}", undone(counts)),
        Event::ImportUndoKept { counts, .. } => {
            format!("The undo ended without undoing the import. {}", undone(counts))
        }
        _ => return None,
    })
}

fn undone(c: &UndoCounts) -> String {
    let all = [(c.reversed, "reversed"), (c.kept, "kept"), (c.errored, "errored")];
    format!("Of the rows: {}.", counts(&all))
}
