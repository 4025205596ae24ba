//! What a command lost, once all that follows from it is over: invalid rows, and people who failed.

use serde_json::{Value, json};

use super::failure::Failure;
use super::list::{number, text};
use super::session::Session;

/// How much was lost of what an accepted command asked for; nothing is under way any more.
pub(super) async fn of(
    session: &Session<'_>,
    command: &str,
    result: &Value,
) -> Result<u64, Failure> {
    let of_people = result.get("users").and_then(Value::as_array).map_or(0, |people| {
        people.iter().filter(|one| text(one, "outcome") == "failed").count() as u64
    });
    let of_rows = match (command, text(result, "import")) {
        (_, "") => 0,
        ("ImportFile", import) => {
            of_import(&session.row("import", json!({"import": import})).await?)
        }
        ("ImportPictures", import) => {
            number(&session.row("picture_import", json!({"import": import})).await?, "invalid")
        }
        ("UndoImport", import) => {
            let row = session.row("import", json!({"import": import})).await?;
            row.get("undo").map_or(0, |undo| number(undo, "errored"))
        }
        _ => 0,
    };
    Ok(of_people + of_rows + of_run(session, text(result, "run")).await?)
}

/// The invalid rows of an import; that nobody is invited who was to be counts as one loss more. Where the
/// file created nobody, there was nobody to invite.
pub(super) fn of_import(row: &Value) -> u64 {
    let why = row.pointer("/not_invited/code").and_then(Value::as_str);
    number(row, "invalid") + u64::from(why.is_some_and(|code| code != "run.empty_selection"))
}

/// The people of a run who failed; none without a run.
pub(super) async fn of_run(session: &Session<'_>, run: &str) -> Result<u64, Failure> {
    if run.is_empty() {
        return Ok(0);
    }
    Ok(number(&session.row("run", json!({"run": run})).await?, "failed"))
}
