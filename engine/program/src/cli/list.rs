//! Prints the rows of queries, and the answers of commands.

use clap::Args;
use serde_json::Value;

use super::columns::Column;
use super::failure::{CliResult, Done, Failure};
use super::fields::set;
use super::output::Out;
use super::session::{Accepted, Session};
use super::words::counted;

/// The option that limits a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Args)]
pub(super) struct Limit {
    /// Lists at most this many rows [default: all]; an export always has all
    #[arg(long, value_name = "ROWS")]
    pub limit: Option<usize>,
}

/// The options that export a list as CSV.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(super) struct CsvExport {
    /// Writes CSV with unchanged values
    #[arg(long, conflicts_with = "spreadsheet")]
    pub csv: bool,
    /// Writes CSV for a spreadsheet: cells that look like formulas are escaped
    #[arg(long)]
    pub spreadsheet: bool,
    /// Writes the CSV into this file
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<std::path::PathBuf>,
}

impl CsvExport {
    pub(super) fn format(&self) -> Option<&'static str> {
        match (self.csv, self.spreadsheet) {
            (_, true) => Some("spreadsheet"),
            (true, _) => Some("csv"),
            (false, false) => self.output.as_ref().map(|_| "csv"),
        }
    }
}

/// Refuses list options in front of a verb that would ignore them.
pub(super) fn check_place<L: Default + PartialEq>(verb: bool, list: &L) -> Result<(), Failure> {
    if verb && *list != L::default() {
        let text = "put the options of the list after the word list, for example: users list --search TEXT";
        return Err(Failure::Usage(text.to_owned()));
    }
    Ok(())
}

/// Prints the rows of a query.
pub(super) async fn show(
    session: &Session<'_>,
    query: &str,
    params: Value,
    limit: Limit,
    columns: &[Column],
) -> CliResult {
    let out = session.out;
    if out.is_json() {
        let print = |rows: Vec<Value>| rows.iter().for_each(|row| out.document(row));
        session.pages(query, params, limit.limit, print).await?;
        return Ok(Done::Completely);
    }
    let rows = session.rows(query, params, limit.limit).await?;
    print_rows(session, columns, &rows);
    Ok(Done::Completely)
}

/// Prints rows: as a table, or as JSON documents.
pub(super) fn print_rows(session: &Session<'_>, columns: &[Column], rows: &[Value]) {
    let out = session.out;
    if out.is_json() {
        rows.iter().for_each(|row| out.document(row));
    } else if rows.is_empty() {
        print_empty(session);
    } else {
        out.table(columns, rows);
    }
}

/// The rows of a query up to the limit, and whether there are more.
pub(super) async fn limited(
    session: &Session<'_>,
    query: &str,
    params: Value,
    limit: Limit,
) -> Result<(Vec<Value>, bool), Failure> {
    let limit = limit.limit.unwrap_or(usize::MAX);
    let mut rows = session.rows(query, params, Some(limit.saturating_add(1))).await?;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    Ok((rows, has_more))
}

/// Prints the rows of a query as a table, and how many there are.
pub(super) async fn show_counted(
    session: &Session<'_>,
    query: &str,
    params: Value,
    limit: Limit,
    columns: &[Column],
    [one, many]: [&str; 2],
) -> CliResult {
    let (rows, has_more) = limited(session, query, params, limit).await?;
    print_rows(session, columns, &rows);
    let shown = counted(rows.len() as u64, one, many);
    match has_more {
        true => session.out.note(&format!("the first {shown}; --limit lists more")),
        false if rows.is_empty() => {}
        false => session.out.note(&shown),
    }
    Ok(Done::Completely)
}

/// Prints the rows of a query, or exports all of them as CSV. The limit is for the screen only.
pub(super) async fn show_or_write(
    session: &Session<'_>,
    query: &str,
    mut params: Value,
    limit: Limit,
    columns: &[Column],
    export: &CsvExport,
) -> CliResult {
    let Some(format) = export.format() else {
        return show(session, query, params, limit, columns).await;
    };
    set(&mut params, "format", format);
    let bytes = session.csv(query, params).await?;
    session.out.file(&bytes, export.output.as_deref())?;
    Ok(Done::Completely)
}

/// Prints that there are no rows. Lists the known companies if the company is unknown, which may be a typing error.
fn print_empty(session: &Session<'_>) {
    session.out.note("no rows");
    let known = session.companies();
    if !known.contains(&session.company) {
        let names: Vec<_> = known.iter().map(ToString::to_string).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let company = &session.company;
        session.out.note(&format!(
            "this data folder has no company {company}; companies with data: {names}"
        ));
    }
}

/// Prints one row.
pub(super) fn show_row(out: &Out, row: &Value) -> CliResult {
    if out.is_json() {
        out.document(row);
    } else {
        out.details(row);
    }
    Ok(Done::Completely)
}

/// Submits a command, waits until all that follows from it is done, and prints the answer.
pub(super) async fn submit_and_print(
    session: &Session<'_>,
    command: &str,
    body: Value,
    done: &str,
) -> CliResult {
    let (accepted, is_unchanged) = settled(session, command, body).await?;
    print_accepted(session.out, &accepted, done);
    if is_unchanged {
        session.out.note(UNCHANGED);
    }
    Ok(Done::Completely)
}

/// Submits a command and waits until all that follows from it is done. Returns the answer, and whether nothing was
/// changed.
pub(super) async fn settled(
    session: &Session<'_>,
    command: &str,
    body: Value,
) -> Result<(Accepted, bool), Failure> {
    let before = session.version().await;
    let accepted = session.submit(command, body).await?;
    session.settle().await?;
    let is_unchanged = changed_nothing(&accepted, before);
    Ok((accepted, is_unchanged))
}

/// The words for an accepted command that finds everything as it asks for.
pub(super) const UNCHANGED: &str = "nothing was changed: it was so before";

/// Whether a command has left the company's version as it was before: one that changes something raises it. A repeat tells nothing about that.
fn changed_nothing(accepted: &Accepted, before: Option<u64>) -> bool {
    !accepted.is_repeat()
        && before.is_some_and(|before| accepted.document.get("version") == Some(&before.into()))
}

/// Prints an accepted answer.
pub(super) fn print_accepted(out: &Out, accepted: &Accepted, done: &str) {
    if out.is_json() {
        out.document(&accepted.document);
        return;
    }
    out.line(done);
    print_receipt(out, accepted);
}

/// Prints the warnings of an accepted answer, and its receipt.
pub(super) fn print_receipt(out: &Out, accepted: &Accepted) {
    warn_of_values(out, &accepted.result);
    out.note(&receipt(accepted));
}

/// Prints the warnings of an answer or of a row, each with its column.
pub(super) fn warn_of_values(out: &Out, of: &Value) {
    for warning in of.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| warning.get(name).and_then(Value::as_str).unwrap_or_default();
        out.warn(&format!("{}: {} ({})", text("column"), text("message"), text("code")));
    }
}

/// The command's id, with which it can be found in the history and repeated.
pub(super) fn receipt(accepted: &Accepted) -> String {
    let field = |name: &str| accepted.document.get(name).cloned().unwrap_or_default();
    let command = field("command");
    let repeat = if accepted.is_repeat() { ", repeated" } else { "" };
    format!(
        "command {} (version {}, position {}{repeat})",
        command.as_str().unwrap_or_default(),
        field("version"),
        field("position"),
    )
}
