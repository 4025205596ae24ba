//! Lists: a table for people, one JSON row a line for programs, all pages followed.

use clap::Args;
use serde_json::Value;

use super::columns::Column;
use super::failure::{Done, Ending, Failure};
use super::output::Out;
use super::session::{Accepted, Session};

/// How much of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Args)]
pub(super) struct Limit {
    /// Shows at most so many rows; all unless told
    #[arg(long, value_name = "ROWS")]
    pub limit: Option<usize>,
}

/// What is asked for as CSV.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(super) struct Sheet {
    /// Writes CSV, every value as it is
    #[arg(long, conflicts_with = "spreadsheet")]
    pub csv: bool,
    /// Writes CSV for a spreadsheet: what looks like a formula is guarded
    #[arg(long)]
    pub spreadsheet: bool,
    /// Writes the CSV into this file
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<std::path::PathBuf>,
}

impl Sheet {
    fn format(&self) -> Option<&'static str> {
        match (self.csv, self.spreadsheet) {
            (_, true) => Some("spreadsheet"),
            (true, _) => Some("csv"),
            (false, false) => self.output.as_ref().map(|_| "csv"),
        }
    }
}

/// Refuses a list's options before another verb's name, where they would mean nothing.
pub(super) fn check_place<L: Default + PartialEq>(verb: bool, list: &L) -> Result<(), Failure> {
    if verb && *list != L::default() {
        let text = "options of the list go behind its name: … list --search TEXT";
        return Err(Failure::Usage(text.to_owned()));
    }
    Ok(())
}

/// Shows the rows of a query.
pub(super) async fn show(
    session: &Session<'_>,
    query: &str,
    params: Value,
    limit: Limit,
    columns: &[Column],
) -> Ending {
    let out = session.out;
    if out.is_json() {
        let print = |rows: Vec<Value>| rows.iter().for_each(|row| out.document(row));
        session.pages(query, params, limit.limit, print).await?;
        return Ok(Done::Well);
    }
    let rows = session.rows(query, params, limit.limit).await?;
    if rows.is_empty() {
        say_empty(session);
    } else {
        out.table(columns, &rows);
    }
    Ok(Done::Well)
}

/// Shows the rows of a query, or all of them as CSV where that was asked for.
pub(super) async fn show_or_write(
    session: &Session<'_>,
    query: &str,
    mut params: Value,
    limit: Limit,
    columns: &[Column],
    sheet: &Sheet,
) -> Ending {
    let Some(format) = sheet.format() else {
        return show(session, query, params, limit, columns).await;
    };
    set(&mut params, "format", format);
    let bytes = session.csv(query, params).await?;
    session.out.file(&bytes, sheet.output.as_deref())?;
    Ok(Done::Well)
}

/// Nothing to show; perhaps because the company's name is misspelled.
fn say_empty(session: &Session<'_>) {
    session.out.note("no rows");
    let known = session.engine.companies();
    if !known.contains(&session.company) {
        let names: Vec<_> = known.iter().map(ToString::to_string).collect();
        let there = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
        let company = &session.company;
        session.out.note(&format!("the company {company} has no history here; companies: {there}"));
    }
}

/// Shows one row.
pub(super) fn show_row(out: &Out, row: &Value) -> Ending {
    if out.is_json() {
        out.document(row);
    } else {
        out.fields(row);
    }
    Ok(Done::Well)
}

/// Asks one command, sees what it leads to through to its end, and shows the answer.
pub(super) async fn change(
    session: &Session<'_>,
    command: &str,
    body: Value,
    done: &str,
) -> Ending {
    let accepted = session.submit(command, body).await?;
    session.settle().await?;
    show_accepted(session.out, &accepted, done);
    Ok(Done::Well)
}

/// Shows an accepted answer.
pub(super) fn show_accepted(out: &Out, accepted: &Accepted, done: &str) {
    if out.is_json() {
        out.document(&accepted.document);
        return;
    }
    out.line(done);
    out.note(&receipt(accepted));
}

/// The line by which a command can be found again, or asked again.
pub(super) fn receipt(accepted: &Accepted) -> String {
    let field = |name: &str| accepted.document.get(name).cloned().unwrap_or_default();
    let command = field("command");
    let again = if field("duplicate") == Value::Bool(true) { ", asked before" } else { "" };
    format!(
        "command {} (version {}, position {}{again})",
        command.as_str().unwrap_or_default(),
        field("version"),
        field("position"),
    )
}

/// A word as a shell takes it for one.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./~:@+,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// `KEY=VALUE`, split.
pub(super) fn pair(text: &str) -> Result<(String, String), Failure> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err(Failure::Usage(format!("{text}: expected NAME=VALUE"))),
    }
}

/// A value as JSON if it reads so, and as text if not.
pub(super) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// Sets a field of an object.
pub(super) fn set(object: &mut Value, field: &str, value: impl Into<Value>) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), value.into());
    }
}

/// A field of a row as a number; 0 where it is none.
pub(super) fn number(row: &Value, field: &str) -> u64 {
    row.get(field).and_then(Value::as_u64).unwrap_or(0)
}

/// A field of a row as a text; empty where it is none.
pub(super) fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row.get(field).and_then(Value::as_str).unwrap_or_default()
}
