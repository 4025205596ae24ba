//! Prints the result of an import: counts, warnings, the first failed rows, the next commands.

use boarding_commands::dialect;
use boarding_commands::values::Code;
use boarding_core::preview::Losses;
use serde_json::{Value, json};

use crate::cli::columns::{PROBLEMS, text_of};
use crate::cli::failure::Failure;
use crate::cli::fields::{number, text};
use crate::cli::output::Out;
use crate::cli::session::Session;
use crate::cli::words::{counted, shown_of};

/// How many failed rows are shown: they fit on a screen with the counts.
const SHOWN_ROWS: usize = 10;

/// Prints the result of an import.
pub(in crate::cli) async fn print(session: &Session<'_>, row: &Value) -> Result<(), Failure> {
    let import = text(row, "import");
    session.out.line(&counts(row));
    print_losses(session, row, import).await?;
    let about_the_file = warnings(session, import).await?;
    for warning in &about_the_file {
        session.out.line(&format!("warning: {}", text_of(warning)));
    }
    print_failed_rows(session, row, import).await?;
    print_rejected_phones(session, row, import).await?;
    if number(row, "warnings") > about_the_file.len() as u64 {
        let params = json!({"import": import, "with": "warnings"});
        let rows = session.rows("import_rows", params, Some(SHOWN_ROWS)).await?;
        print_warned(session.out, &rows);
        session.out.note(&format!(
            "to list all rows with warnings: boarding imports rows {import} --with warnings {}",
            session.location_options()
        ));
    }
    let [invalid, duplicate, skipped] =
        ["invalid", "duplicate", "skipped"].map(|outcome| number(row, outcome));
    let options = session.location_options();
    let existing = number(row, "existing");
    // A row is a duplicate of another row, or names a person who exists. Some dialects call the latter skipped.
    let has_failed = invalid + duplicate > existing.saturating_sub(skipped);
    if !has_failed && duplicate + skipped > 0 {
        // A row whose person exists is not wrong, so there is nothing to correct.
        session.out.note(&format!("to list all rows: boarding imports rows {import} {options}"));
    } else if has_failed {
        session.out.note(&format!(
            "to list all rows:         boarding imports rows {import} {options}\n\
            to correct failed rows:   boarding imports failed-rows {import} {options} -o failed.csv\n\
            \x20                         correct failed.csv (columns that begin with _ say what is wrong), then import it\n\
            \x20                         with the same options"
        ));
    }
    let opens = dialect::find(text(row, "dialect")).is_some_and(|one| one.opens_accounts());
    if skipped > 0 && existing > 0 && !opens {
        session.out.note("to change people who exist: import the file with --existing update");
    }
    Ok(())
}

/// One line with the file and the counts.
fn counts(row: &Value) -> String {
    let count = |name: &str| match name {
        // The contract counts archived users as deactivated too.
        "deactivated" => number(row, name).saturating_sub(number(row, "archived")),
        _ => number(row, name),
    };
    let some = |(name, label): &(&str, &str)| match count(name) {
        0 => None,
        count => Some(format!("{count} {label}")),
    };
    let outcomes = [
        ("created", "created"),
        ("updated", "updated"),
        ("unchanged", "unchanged"),
        ("activated", "activated"),
        ("deactivated", "deactivated"),
        ("archived", "archived"),
        ("skipped", "skipped"),
        ("duplicate", "duplicate"),
        ("invalid", "invalid"),
    ];
    let list = |names: &[(&str, &str)]| {
        let counts: Vec<_> = names.iter().filter_map(some).collect();
        counts.join(", ")
    };
    let phones = [("phones_added", "added"), ("phones_failed", "rejected")]
        .map(|(name, verb)| (number(row, name), verb))
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, verb)| format!("{} {verb}", counted(count, "phone", "phones")));
    let phones = phones.collect::<Vec<_>>().join(", ");
    let phones = if phones.is_empty() { phones } else { format!("; {phones}") };
    let others = [
        ("warnings", "warning", "warnings"),
        ("notes", "row of instructions", "rows of instructions"),
        ("blank_rows", "blank row", "blank rows"),
    ];
    let others = others.map(|(name, one, many)| match number(row, name) {
        0 => String::new(),
        count => format!("; {}", counted(count, one, many)),
    });
    format!(
        "import {} of {}: {}: {}{phones}{}",
        text(row, "import"),
        text(row, "file_name"),
        counted(number(row, "total"), "row", "rows"),
        list(&outcomes),
        others.concat(),
    )
}

/// Prints what the rows lost, with the lines.
async fn print_losses(session: &Session<'_>, row: &Value, import: &str) -> Result<(), Failure> {
    if number(row, "lost") == 0 {
        return Ok(());
    }
    let mut losses = Losses::default();
    let params = json!({"import": import, "with": "losses"});
    let add = |rows: Vec<Value>| rows.iter().for_each(|row| losses.add(row));
    session.pages("import_rows", params, None, add).await?;
    session.out.line(&format!("lost: {}", losses.text()));
    session.out.note(&format!(
        "to list them: boarding imports rows {import} --with losses {}",
        session.location_options()
    ));
    Ok(())
}

/// The warnings about the file, which are in the first event of the import.
async fn warnings(session: &Session<'_>, import: &str) -> Result<Vec<Value>, Failure> {
    let params = json!({"entity": format!("import:{import}")});
    let events = session.rows("history", params, Some(1)).await?;
    let listed = events.first().and_then(|event| event.pointer("/data/warnings"));
    Ok(listed.and_then(Value::as_array).cloned().unwrap_or_default())
}

/// Prints the first failed and skipped rows, the invalid rows first.
async fn print_failed_rows(
    session: &Session<'_>,
    row: &Value,
    import: &str,
) -> Result<(), Failure> {
    let mut left = SHOWN_ROWS;
    let options = session.location_options();
    for outcome in ["invalid", "duplicate", "skipped"] {
        let count = number(row, outcome);
        if count == 0 || left == 0 {
            continue;
        }
        let params = json!({"import": import, "outcome": outcome});
        let rows = session.rows("import_rows", params, Some(shown_of(count, left))).await?;
        left -= rows.len().min(left);
        let all = format!("boarding imports rows {import} --outcome {outcome} {options}");
        print_rows(session.out, outcome, count, &rows, &all);
    }
    Ok(())
}

/// Prints the first people whose phone was rejected, and how to add a phone.
async fn print_rejected_phones(
    session: &Session<'_>,
    row: &Value,
    import: &str,
) -> Result<(), Failure> {
    if number(row, "phones_failed") == 0 {
        return Ok(());
    }
    let count = number(row, "phones_failed");
    let params = json!({"import": import, "phone": "rejected"});
    let rows = session.rows("import_rows", params, Some(shown_of(count, SHOWN_ROWS))).await?;
    let options = session.location_options();
    let all = format!("boarding imports rows {import} --phone rejected {options}");
    let title =
        "imported without a phone (the user exists, the phone is not on the corporate list):";
    print_phones(session.out, title, count, &rows, &all);
    session.out.note(&format!("to add a phone: boarding phones add PHONE USER {options}"));
    Ok(())
}

/// Prints the first of `count` rows with an outcome, with a line for each problem. `all` lists the others.
pub(super) fn print_rows(out: &Out, outcome: &str, count: u64, rows: &[Value], all: &str) {
    let problems: Vec<Value> = rows.iter().flat_map(|row| listed(row, "problems")).collect();
    out.line(&format!("\n{outcome} rows:"));
    out.table(PROBLEMS, &problems);
    let more = count.saturating_sub(rows.len() as u64);
    if more > 0 {
        let rows = if more == 1 { "row" } else { "rows" };
        out.line(&format!("… and {more} more {outcome} {rows}: {all}"));
    }
}

/// Prints the warnings of rows that were imported.
pub(super) fn print_warned(out: &Out, rows: &[Value]) {
    let warnings: Vec<Value> = rows.iter().flat_map(|row| listed(row, "warnings")).collect();
    if !warnings.is_empty() {
        out.line("\nwarnings:");
        out.table(PROBLEMS, &warnings);
    }
}

/// Prints the first of `count` rows whose phone was rejected. `all` lists the others.
pub(super) fn print_phones(out: &Out, title: &str, count: u64, rows: &[Value], all: &str) {
    let problems: Vec<Value> = rows.iter().map(phone_problem).collect();
    out.line(&format!("\n{title}"));
    out.table(PROBLEMS, &problems);
    let more = count.saturating_sub(rows.len() as u64);
    if more > 0 {
        out.line(&format!("… and {more} more: {all}"));
    }
}

/// A row of the table for each problem or warning of a row.
fn listed(row: &Value, field: &str) -> Vec<Value> {
    let problems = row.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    problems.iter().map(|problem| line(row, problem)).collect()
}

fn line(row: &Value, problem: &Value) -> Value {
    let of = |value: &Value, name: &str| value.get(name).cloned().unwrap_or_default();
    json!({
        "row": of(row, "row"), "line": of(row, "line"), "key": of(row, "key"),
        "column": of(problem, "column"), "code": of(problem, "code"), "message": of(problem, "message"),
    })
}

/// The reason of a rejected phone, as the row says it or as the code says it.
fn phone_problem(row: &Value) -> Value {
    match row.get("phone_problem") {
        Some(problem) if problem.is_object() => line(row, problem),
        _ => {
            let code = text(row, "phone").trim_start_matches("rejected:");
            let message = Code::find(code).map(|code| code.text());
            line(row, &json!({"column": "phone_number", "code": code, "message": message}))
        }
    }
}
