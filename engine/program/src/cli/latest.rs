//! Resolves the word `latest` to the id of the newest import, run, report or archive of pictures.

use boarding_commands::values::{Code, ImportId, Refusal};
use serde_json::{Value, json};

use super::failure::Failure;
use super::fields::text;
use super::session::Session;

/// The longest chain of retries that is followed back to the import of the first run.
const RETRIES_FOLLOWED: usize = 100;

/// Resolves `latest` to the id of the newest import. Returns any other id unchanged.
pub(super) async fn import(session: &Session<'_>, id: String) -> Result<String, Failure> {
    resolve(session, id, "imports", "import", Code::ImportNoneAvailable).await
}

/// Resolves `latest` to the id of the newest run. Returns any other id unchanged.
pub(super) async fn run(session: &Session<'_>, id: String) -> Result<String, Failure> {
    resolve(session, id, "runs", "run", Code::RunNotFound).await
}

/// Resolves `latest` to the id of the newest report. Returns any other id unchanged.
pub(super) async fn report(session: &Session<'_>, id: String) -> Result<String, Failure> {
    resolve(session, id, "batch_operation_reports", "import", Code::ImportNoneAvailable).await
}

/// Resolves `latest` to the id of the newest archive of pictures. Returns any other id unchanged.
pub(super) async fn pictures(session: &Session<'_>, id: String) -> Result<String, Failure> {
    resolve(session, id, "picture_imports", "import", Code::ImportNoneAvailable).await
}

/// Prints the import whose people a command is about, and its file name. `latest` skips undone imports: if the newest
/// import is undone, it is printed too.
pub(super) async fn say_import(session: &Session<'_>, named: &str) -> Result<(), Failure> {
    let is_latest = named == "latest";
    let newest = match is_latest {
        true => session.latest_import().await?,
        false => None,
    };
    let import = match newest {
        Some(newest) => newest,
        None if named.parse::<ImportId>().is_ok() => named.to_owned(),
        None => return Ok(()),
    };
    // The command itself refuses an unknown import.
    let Ok(row) = session.row("import", json!({"import": import})).await else { return Ok(()) };
    session.out.note(&format!("of import {import}, {}", text(&row, "file_name")));
    let rows = session.rows("imports", json!({}), Some(1)).await?;
    let undone = rows.first().filter(|row| is_latest && text(row, "state") == "undone");
    if let Some(undone) = undone {
        let [id, file] = ["import", "file_name"].map(|name| text(undone, name));
        session
            .out
            .note(&format!("the newest import {id}, {file}, is undone; an older one is used"));
    }
    Ok(())
}

/// If the import is undone, prints this and the newest completed import. A run of `latest` uses the latter.
pub(super) async fn say_undone(session: &Session<'_>, import: &str) -> Result<(), Failure> {
    let row = session.row("import", json!({"import": import})).await?;
    if text(&row, "state") != "undone" {
        return Ok(());
    }
    session.out.note(&match session.latest_import().await? {
        Some(completed) => format!(
            "the newest import {import}, {}, is undone; the newest one that is not: {completed}",
            text(&row, "file_name")
        ),
        None => format!("no completed import; the last one, {import}, was undone"),
    });
    Ok(())
}

/// Prints the import whose people a run was for. A retry has the people of an earlier run, so the chain of retries is
/// followed back.
pub(super) async fn say_import_of(session: &Session<'_>, run: &Value) -> Result<(), Failure> {
    let mut run = run.clone();
    for _ in 0..RETRIES_FOLLOWED {
        if let Some(import) = run.pointer("/source/import").and_then(Value::as_str) {
            return say_import(session, import).await;
        }
        let Some(before) = run.pointer("/source/failed_of/run").cloned() else { break };
        run = session.row("run", json!({"run": before})).await?;
    }
    Ok(())
}

/// Resolves `latest` by a list query, newest row first. Refuses a text that is no id, and `latest` with `none` if the
/// list is empty.
async fn resolve(
    session: &Session<'_>,
    id: String,
    query: &str,
    field: &str,
    none: Code,
) -> Result<String, Failure> {
    if id != "latest" {
        if id.parse::<ImportId>().is_ok() {
            return Ok(id);
        }
        let code = if field == "run" { Code::RunNotFound } else { Code::ImportNotFound };
        let words = format!("{id} is no id; write an id of the list, or latest for the newest");
        return Err(Refusal::new(code).saying(&words).into());
    }
    let newest = session.rows(query, json!({}), Some(1)).await?;
    let id = newest.first().map(|row| text(row, field).to_owned());
    let refusal = match none {
        Code::RunNotFound => Refusal::new(none).worded("The company has no run yet.".to_owned()),
        _ if query == "batch_operation_reports" => Refusal::new(none)
            .worded("The company has no report; imports of multiline files have one.".to_owned()),
        _ if query == "picture_imports" => {
            Refusal::new(none).worded("The company has no archive of pictures yet.".to_owned())
        }
        _ => Refusal::new(none),
    };
    id.ok_or_else(|| refusal.with(json!({"query": query})).into())
}
