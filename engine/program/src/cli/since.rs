//! What has changed the people of an import since: a later import, a run or a command, with its time.

use std::collections::HashMap;

use boarding_commands::values::Code;
use serde_json::{Value, json};

use super::fields::{set, text};
use super::session::Session;

/// The most rows that get a cause. Each reads the history of its person; an import may have a million rows.
const CAUSES_MAX_ROWS: usize = 100;

/// Adds to each row that was not undone the sentence of its code, as the field `why`. Adds to the first kept rows what
/// changed their people after the import, as the field `changed_by`. Rows whose history cannot be read stay without it,
/// because the caller has done its work already.
pub(super) async fn add_causes(session: &Session<'_>, import: &str, rows: &mut [Value]) {
    for row in rows.iter_mut() {
        let code = text(row, "undo").split_once(':').and_then(|(_, code)| Code::find(code));
        if let Some(code) = code {
            set(row, "why", code.text());
        }
    }
    let (mut files, mut kept) = (HashMap::new(), 0);
    for row in rows.iter_mut() {
        let undo = text(row, "undo");
        let Some(code) = undo.strip_prefix("kept:").and_then(Code::find) else { continue };
        kept += 1;
        if kept > CAUSES_MAX_ROWS {
            continue;
        }
        let params = json!({"entity": format!("user:{}", text(row, "key"))});
        let Ok(events) = session.rows("history", params, None).await else { continue };
        if let Some(event) = cause(&events, import, code) {
            let by = words(session, event, &mut files).await;
            set(row, "changed_by", by);
        }
    }
    if kept > CAUSES_MAX_ROWS {
        session.out.note(&format!(
            "only the first {CAUSES_MAX_ROWS} of {kept} kept rows say what changed them; for another person: boarding history user:USER {}",
            session.location_options()
        ));
    }
}

/// The import that recorded the event; empty for other events.
fn import_of(event: &Value) -> &str {
    let import = event.pointer("/data/row/import").or_else(|| event.pointer("/data/import"));
    import.and_then(Value::as_str).unwrap_or_default()
}

/// The run that recorded the event; empty for other events.
fn run_of(event: &Value) -> &str {
    event.pointer("/data/run").and_then(Value::as_str).unwrap_or_default()
}

/// Whether the event is about a picture. Its import is an archive of pictures, which names no people.
fn is_of_picture(event: &Value) -> bool {
    text(event, "event").starts_with("Picture")
}

/// The last event about the person after the row of the import, of the kind that the code names.
fn cause<'e>(events: &'e [Value], import: &str, code: Code) -> Option<&'e Value> {
    let first = events.iter().position(|event| import_of(event) == import)?;
    let later = events.iter().skip(first + 1);
    let later =
        later.filter(|event| import_of(event) != import && text(event, "event") != "RowUndone");
    let is_meant = |event: &&Value| match code {
        Code::RowNamedSince => !import_of(event).is_empty() && !is_of_picture(event),
        Code::RowInvitedSince => !run_of(event).is_empty() || text(event, "event").contains("Link"),
        _ => true,
    };
    let (meant, others): (Vec<_>, Vec<_>) = later.partition(is_meant);
    meant.last().or_else(|| others.last()).copied()
}

/// `import 01J… of people.csv, row 3, by jane at 2026-…`. `files` keeps the names of imported files.
async fn words(
    session: &Session<'_>,
    event: &Value,
    files: &mut HashMap<String, String>,
) -> String {
    let (import, run) = (import_of(event).to_owned(), run_of(event));
    let (actor, at) = (text(event, "actor"), text(event, "at"));
    if is_of_picture(event) && !import.is_empty() {
        return format!("pictures {import}, by {actor} at {at}");
    }
    if !import.is_empty() {
        if !files.contains_key(&import) {
            let row = session.row("import", json!({"import": import})).await.unwrap_or_default();
            files.insert(import.clone(), text(&row, "file_name").to_owned());
        }
        let file = files.get(&import).filter(|file| !file.is_empty());
        let file = file.map(|file| format!(" of {file}")).unwrap_or_default();
        let row = event.pointer("/data/row/row").and_then(Value::as_u64);
        let row = row.map(|row| format!(", row {row}")).unwrap_or_default();
        return format!("import {import}{file}{row}, by {actor} at {at}");
    }
    if !run.is_empty() {
        return format!("run {run}, at {at}");
    }
    let (name, command) = (text(event, "event"), text(event, "command"));
    format!("{name} by {actor} at {at}, command {command}")
}
