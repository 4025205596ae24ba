//! Prints results to stdout and everything else to stderr. No other module prints.

use std::borrow::Cow;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use comfy_table::Table;
use serde_json::Value;

use super::advice;
use super::columns::{Column, text_of, text_of_field};
use super::failure::{CliResult, Failure};
use super::labels::label;
use super::place::placed;
use super::words::counted;

mod plain;
mod progress;
mod table;

pub(super) use plain::plain;
pub(super) use progress::Progress;

/// The output of the program: plain text on a pipe, tables and progress bars on a terminal, or JSON.
#[derive(Debug)]
pub(super) struct Out {
    json: bool,
    quiet: bool,
    /// Whether tables have all columns, however wide.
    wide: bool,
    /// Whether stdout is a terminal.
    terminal: bool,
    /// The options that suggested commands need to be about the same company and folder.
    place: Vec<(&'static str, String)>,
    /// Whether a write to stdout failed. A closed pipe, as of `| head`, does not count.
    has_failed: AtomicBool,
}

impl Out {
    pub(super) fn new(json: bool, quiet: bool, wide: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        Self { json, quiet, wide, terminal, place: Vec::new(), has_failed: AtomicBool::new(false) }
    }

    /// The same, with the options that suggested commands need: each with its name and its words.
    pub(super) fn with_place(self, place: Vec<(&'static str, String)>) -> Self {
        Self { place, ..self }
    }

    /// The text with suggested commands that name the company and the folder of this call.
    pub(super) fn placed(&self, text: &str) -> String {
        placed(text, &self.place)
    }

    /// The next command to type after a refusal, or nothing if there is none.
    pub(super) fn advice(&self, code: &str, details: &Value) -> Option<String> {
        advice::on(code, details).map(|advice| self.placed(&advice))
    }

    /// Whether results are printed as JSON.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a line of the result.
    pub(super) fn line(&self, text: &str) {
        self.write(format!("{}\n", plain(text)).as_bytes());
    }

    /// Prints a line to stdout for people: not with `--json` or `--quiet`.
    pub(super) fn say(&self, text: &str) {
        if !self.json && !self.quiet {
            self.line(text);
        }
    }

    /// Prints a JSON document on one line.
    pub(super) fn document(&self, value: &Value) {
        self.write(format!("{value}\n").as_bytes());
    }

    /// Writes bytes to stdout, or to a file.
    pub(super) fn file(&self, bytes: &[u8], to: Option<&Path>) -> Result<(), Failure> {
        let Some(path) = to else {
            self.write(bytes);
            return Ok(());
        };
        std::fs::write(path, bytes).map_err(|error| {
            Failure::Unavailable(format!("cannot write {}: {error}", path.display()))
        })?;
        self.note(&format!("written to {}", path.display()));
        Ok(())
    }

    /// Prints a table.
    pub(super) fn table(&self, columns: &[Column], rows: &[Value]) {
        let width = if self.terminal && !self.wide { Table::new().width() } else { None };
        // A terminal that does not know its width says 0.
        let width = width.filter(|width| *width > 0);
        let (table, hidden) = table::layout(columns, rows, self.terminal, width.map(usize::from));
        self.write(format!("{table}\n").as_bytes());
        if hidden > 0 {
            let hidden = counted(hidden as u64, "more column", "more columns");
            self.note(&format!("{hidden}: add --wide"));
        }
    }

    /// Prints the fields of an object under their own names, one per line.
    pub(super) fn fields(&self, object: &Value) {
        self.named(object, |name| name.into());
    }

    /// Prints the fields of a row in the words of the tables, one per line.
    pub(super) fn details(&self, row: &Value) {
        self.named(row, label);
    }

    fn named(&self, object: &Value, word: impl Fn(&str) -> Cow<'_, str>) {
        let fields = object.as_object().into_iter().flatten();
        let width = fields.clone().map(|(name, _)| word(name).len()).max().unwrap_or(0);
        for (name, value) in fields {
            let text = text_of_field(name, value);
            let text = if text.is_empty() { "-" } else { &text };
            self.line(&format!("{:width$}  {text}", word(name)));
        }
    }

    /// Prints a hint to stderr: not with `--json` or `--quiet`.
    pub(super) fn note(&self, text: &str) {
        if !self.quiet && !self.json {
            self.warn(text);
        }
    }

    /// Prints a remark on a result to stderr, also with `--json`: not with `--quiet`.
    pub(super) fn remark(&self, text: &str) {
        if !self.quiet {
            self.warn(text);
        }
    }

    /// Prints a line to stderr in any case.
    pub(super) fn warn(&self, text: &str) {
        // A failed write to stderr cannot be reported.
        let _ = writeln!(io::stderr(), "{}", plain(text));
    }

    /// A progress output: not with `--json` or `--quiet`.
    pub(super) fn progress(&self, label: &str) -> Progress {
        Progress::new(label, !self.quiet && !self.json)
    }

    /// Asks a yes-or-no question on the terminal. Returns nothing if there is no terminal.
    pub(super) async fn confirm(&self, question: &str) -> Option<bool> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        let _ = write!(io::stderr(), "{} [y/N] ", plain(question));
        let reading = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            io::stdin().read_line(&mut answer).map(|_| answer)
        });
        let answer = reading.await.ok()?.ok()?;
        Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Prints a failure and returns the exit status of a result.
    pub(super) fn end(&self, result: CliResult) -> ExitCode {
        match result {
            Ok(_) if self.has_failed.load(Ordering::Relaxed) => ExitCode::from(4),
            Ok(done) => ExitCode::from(done.status()),
            Err(failure) => {
                if let Some(document) = failure.document().filter(|_| self.json) {
                    self.document(document);
                }
                self.print_failure(&failure);
                ExitCode::from(failure.status())
            }
        }
    }

    fn print_failure(&self, failure: &Failure) {
        self.warn(&format!("boarding: {}", self.placed(&failure.text())));
        let Failure::Refused { document, code, .. } = failure else { return };
        let details = document.get("details").filter(|details| !details.is_null());
        if let Some(details) = details {
            let shown = details.as_object().into_iter().flatten();
            for (name, value) in shown.filter(|(name, _)| !advice::shows(code, name)) {
                for line in detail_lines(name, value) {
                    self.warn(&format!("  {}", self.placed(&line)));
                }
            }
        }
        if let Some(advice) = self.advice(code, details.unwrap_or(&Value::Null)) {
            self.warn(&format!("  {advice}"));
        }
    }

    fn write(&self, bytes: &[u8]) {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error)
                if error.kind() != ErrorKind::BrokenPipe
                    && !self.has_failed.swap(true, Ordering::Relaxed) =>
            {
                self.warn(&format!("boarding: cannot write the result: {error}"));
            }
            _ => {}
        }
    }
}

/// The lines that show a detail of a refusal. What it holds is a list below it, with a line for each.
fn detail_lines(name: &str, value: &Value) -> Vec<String> {
    let holds_objects = |list: &[Value]| list.iter().any(Value::is_object);
    let items: Vec<String> = match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().flat_map(|(name, value)| detail_lines(name, value)).collect()
        }
        Value::Array(list) if holds_objects(list) => list.iter().flat_map(item_lines).collect(),
        _ => return vec![format!("{name}: {}", text_of(value))],
    };
    let items = items.into_iter().map(|item| format!("  {item}"));
    [format!("{name}:")].into_iter().chain(items).collect()
}

/// The lines of one item of a list: its plain fields on one line, each other field as a list below.
fn item_lines(item: &Value) -> Vec<String> {
    let Some(fields) = item.as_object() else { return vec![text_of(item)] };
    let (nested, plain): (Vec<_>, Vec<_>) =
        fields.iter().partition(|(_, value)| value.is_object() || value.is_array());
    let plain: Vec<String> =
        plain.into_iter().map(|(name, value)| format!("{name}: {}", text_of(value))).collect();
    let below = nested.into_iter().flat_map(|(name, value)| detail_lines(name, value));
    [plain.join(", ")].into_iter().chain(below.map(|line| format!("  {line}"))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A detail that holds others has a line for each, however deep.
    #[test]
    fn details_of_a_refusal_are_a_list() {
        let expected =
            json!({"invite": 2, "fail": {"recipient.email_missing": 1, "user.archived": 3}});
        let lines = detail_lines("expected", &expected);
        let fail = ["  fail:", "    recipient.email_missing: 1", "    user.archived: 3"];
        assert_eq!(lines, [&["expected:"], &fail[..], &["  invite: 2"]].concat());
        let problems = json!([{"row": 1, "code": "field.required", "columns": {"a": "b"}}]);
        let lines = detail_lines("problems", &problems);
        let row = ["  code: field.required, row: 1", "    columns:", "      a: b"];
        assert_eq!(lines, [&["problems:"], &row[..]].concat());
        assert_eq!(
            detail_lines("org_units", &json!(["Sales", "EMEA"])),
            ["org_units: Sales, EMEA"]
        );
    }
}
