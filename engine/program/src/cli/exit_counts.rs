//! Counts of failures after a command: invalid rows and failed people. They decide the exit status.

use serde_json::{Value, json};

use super::failure::{Failure, if_shown};
use super::fields::{number, text};
use super::session::Session;

/// The number of invalid rows and failed people of an accepted command. Final only after all its work is done.
pub(super) async fn of(
    session: &Session<'_>,
    command: &str,
    result: &Value,
) -> Result<u64, Failure> {
    let people_failed = result.get("users").and_then(Value::as_array).map_or(0, |people| {
        people.iter().filter(|one| text(one, "outcome") == "failed").count() as u64
    });
    let rows_failed = match (command, text(result, "import")) {
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
    Ok(people_failed + rows_failed + of_run(session, text(result, "run")).await?)
}

/// The number of invalid rows and lost cells of an import, plus one if its requested run was refused. A refusal because
/// the run has no people does not count.
pub(super) fn of_import(row: &Value) -> u64 {
    let refusal = row.pointer("/not_invited/code").and_then(Value::as_str);
    number(row, "invalid")
        + number(row, "lost")
        + u64::from(refusal.is_some_and(|code| code != "run.empty_selection"))
}

/// The number of failed people of a run, or 0 without a run.
pub(super) async fn of_run(session: &Session<'_>, run: &str) -> Result<u64, Failure> {
    if run.is_empty() {
        return Ok(0);
    }
    // An actor who may import need not see runs.
    let row = if_shown(session.row("run", json!({"run": run})).await)?;
    Ok(number(&row, "failed"))
}
