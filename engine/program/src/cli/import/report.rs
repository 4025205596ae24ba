//! What an operator has to see after an import: the counts, the warnings, the first refused rows, the way on.

use serde_json::{Value, json};

use crate::cli::columns::{PROBLEMS, text_of};
use crate::cli::failure::Failure;
use crate::cli::imports::rows_by_phone;
use crate::cli::list::{number, text};
use crate::cli::output::Out;
use crate::cli::session::Session;

/// How many refused rows are shown at once, in rows: what fits on a screen beside the counts.
const SHOWN_ROWS: usize = 10;

/// Shows what became of an import.
pub(in crate::cli) async fn report(session: &Session<'_>, row: &Value) -> Result<(), Failure> {
    let import = text(row, "import");
    session.out.line(&counts(row));
    for warning in warnings(session, import).await? {
        session.out.line(&format!("warning: {}", text_of(&warning)));
    }
    show_refused(session, row, import).await?;
    show_refused_phones(session, row, import).await?;
    let refused = ["invalid", "duplicate", "skipped"].map(|outcome| number(row, outcome));
    if refused.iter().sum::<u64>() > 0 {
        let place = session.place();
        session.out.note(&format!(
            "all of them:     boarding imports rows {import} {place}\n\
             to mend them:    boarding imports failed-rows {import} {place} -o failed.csv\n\
             \x20                mend failed.csv (columns that begin with _ say what is wrong), then import it the same way"
        ));
    }
    Ok(())
}

/// One line: what the file was and what came of it.
fn counts(row: &Value) -> String {
    let some = |(name, label): &(&str, &str)| match number(row, name) {
        0 => None,
        count => Some(format!("{count} {label}")),
    };
    let outcomes = [
        ("created", "created"),
        ("updated", "updated"),
        ("unchanged", "unchanged"),
        ("activated", "activated"),
        ("deactivated", "deactivated"),
        ("skipped", "skipped"),
        ("duplicate", "duplicate"),
        ("invalid", "invalid"),
    ];
    let phones = [("phones_added", "phones added"), ("phones_failed", "phones refused")];
    let list = |names: &[(&str, &str)]| {
        let counts: Vec<_> = names.iter().filter_map(some).collect();
        counts.join(", ")
    };
    let phones = match list(&phones) {
        none if none.is_empty() => String::new(),
        some => format!("; {some}"),
    };
    format!(
        "import {} of {}: {} rows: {}{phones}",
        text(row, "import"),
        text(row, "file_name"),
        number(row, "total"),
        list(&outcomes),
    )
}

/// What was worth saying about the file as a whole: it stands in the event of its acceptance.
async fn warnings(session: &Session<'_>, import: &str) -> Result<Vec<Value>, Failure> {
    let params = json!({"entity": format!("import:{import}")});
    let events = session.rows("history", params, Some(1)).await?;
    let listed = events.first().and_then(|event| event.pointer("/data/warnings"));
    Ok(listed.and_then(Value::as_array).cloned().unwrap_or_default())
}

/// The first rows from which nobody came; those that somebody has to mend go first.
async fn show_refused(session: &Session<'_>, row: &Value, import: &str) -> Result<(), Failure> {
    let mut left = SHOWN_ROWS;
    for outcome in ["invalid", "duplicate", "skipped"] {
        let count = number(row, outcome);
        if count == 0 || left == 0 {
            continue;
        }
        let params = json!({"import": import, "outcome": outcome});
        let rows = session.rows("import_rows", params, Some(left)).await?;
        left -= rows.len().min(left);
        list_refused(session.out, outcome, count, &rows);
    }
    Ok(())
}

/// People who came in without their number: a second fact, mended by itself (LX-12).
async fn show_refused_phones(
    session: &Session<'_>,
    row: &Value,
    import: &str,
) -> Result<(), Failure> {
    if number(row, "phones_failed") == 0 {
        return Ok(());
    }
    let rows = rows_by_phone(session, json!({"import": import}), "rejected").await?;
    let (count, shown) = (rows.len(), rows.get(..SHOWN_ROWS).unwrap_or(&rows));
    let title = "in without a listed number (the user is there, the number is not):";
    list_phones(session.out, title, count as u64, shown);
    let place = session.place();
    session.out.note(&format!("to add a number: boarding phones add PHONE USER {place}"));
    Ok(())
}

/// Rows of one outcome from which nobody comes: the first of so many.
pub(super) fn list_refused(out: &Out, outcome: &str, count: u64, rows: &[Value]) {
    let problems: Vec<Value> = rows.iter().flat_map(problems_of).collect();
    out.line(&format!("\n{outcome} rows:"));
    out.table(PROBLEMS, &problems);
    let more = count.saturating_sub(rows.len() as u64);
    if more > 0 {
        out.line(&format!("… and {more} more {outcome} rows"));
    }
}

/// Rows whose number is not listed: the first of so many.
pub(super) fn list_phones(out: &Out, title: &str, count: u64, rows: &[Value]) {
    let problems: Vec<Value> = rows.iter().map(phone_problem).collect();
    out.line(&format!("\n{title}"));
    out.table(PROBLEMS, &problems);
    let more = count.saturating_sub(rows.len() as u64);
    if more > 0 {
        out.line(&format!("… and {more} more"));
    }
}

/// A row as one line for each of its problems.
fn problems_of(row: &Value) -> Vec<Value> {
    let problems = row.get("problems").and_then(Value::as_array).cloned().unwrap_or_default();
    problems.iter().map(|problem| line(row, problem)).collect()
}

fn line(row: &Value, problem: &Value) -> Value {
    let of = |value: &Value, name: &str| value.get(name).cloned().unwrap_or_default();
    json!({
        "row": of(row, "row"), "line": of(row, "line"), "key": of(row, "key"),
        "column": of(problem, "column"), "code": of(problem, "code"), "message": of(problem, "message"),
    })
}

/// Why the number was not taken: among the row's warnings, or by the code alone.
fn phone_problem(row: &Value) -> Value {
    let code = text(row, "phone").trim_start_matches("rejected:").to_owned();
    let warnings = row.get("warnings").and_then(Value::as_array);
    let told = warnings.and_then(|all| all.iter().find(|one| text(one, "code") == code));
    match told {
        Some(problem) => line(row, problem),
        None => {
            let message = boarding_commands::values::Code::find(&code).map(|code| code.text());
            line(row, &json!({"column": "phone_number", "code": code, "message": message}))
        }
    }
}
