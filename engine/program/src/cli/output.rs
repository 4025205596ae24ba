//! The only place that prints: what was asked for on stdout, everything else on stderr.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use super::advice;
use super::columns::{Column, text_of};
use super::failure::{Ending, Failure};

mod progress;

pub(super) use progress::Progress;

/// The way out for words: plain on a pipe, tables and bars on a terminal, JSON where it was asked for.
#[derive(Debug)]
pub(super) struct Out {
    json: bool,
    quiet: bool,
    /// Whether stdout is a terminal.
    terminal: bool,
    /// Whether stdout took everything so far. A reader that went away (`| head`) is no fault.
    broken: AtomicBool,
}

impl Out {
    pub(super) fn new(json: bool, quiet: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        Self { json, quiet, terminal, broken: AtomicBool::new(false) }
    }

    /// Whether answers are documents.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// A line of what was asked for.
    pub(super) fn line(&self, text: &str) {
        self.write(format!("{}\n", plain(text)).as_bytes());
    }

    /// A line of narration: for people, and so not among documents.
    pub(super) fn say(&self, text: &str) {
        if !self.json && !self.quiet {
            self.line(text);
        }
    }

    /// One document on one line.
    pub(super) fn document(&self, value: &Value) {
        self.write(format!("{value}\n").as_bytes());
    }

    /// The bytes of a file: to stdout, or where they were asked for.
    pub(super) fn file(&self, bytes: &[u8], to: Option<&Path>) -> Result<(), Failure> {
        let Some(path) = to else {
            self.write(bytes);
            return Ok(());
        };
        std::fs::write(path, bytes)
            .map_err(|error| Failure::Unavailable(format!("write {}: {error}", path.display())))?;
        self.note(&format!("written to {}", path.display()));
        Ok(())
    }

    /// Rows under their headings.
    pub(super) fn table(&self, columns: &[Column], rows: &[Value]) {
        let mut table = Table::new();
        if self.terminal {
            table.load_style(presets::UTF8_HORIZONTAL_ONLY);
            table.set_content_arrangement(ContentArrangement::Dynamic);
        } else {
            table.load_style(presets::NOTHING);
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        table.set_header(columns.iter().map(|column| column.title));
        for row in rows {
            table.add_row(columns.iter().map(|column| plain(&column.cell(row))));
        }
        self.write(format!("{}\n", table.trim_fmt()).as_bytes());
    }

    /// One thing, a line a field.
    pub(super) fn fields(&self, row: &Value) {
        let fields = row.as_object().into_iter().flatten();
        let width = fields.clone().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in fields {
            self.line(&format!("{name:width$}  {}", text_of(value)));
        }
    }

    /// A hint beside what was asked for.
    pub(super) fn note(&self, text: &str) {
        if !self.quiet && !self.json {
            self.warn(text);
        }
    }

    /// What an operator has to know, whatever was asked for.
    pub(super) fn warn(&self, text: &str) {
        // Nobody is left to tell if stderr is gone.
        let _ = writeln!(io::stderr(), "{}", plain(text));
    }

    /// Shows how something long gets on.
    pub(super) fn progress(&self, label: &str) -> Progress {
        Progress::new(label, !self.quiet && !self.json)
    }

    /// Asks a yes-or-no question on the terminal; none where there is nobody to ask.
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

    /// Tells how it ended, and the exit status that says so.
    pub(super) fn end(&self, ending: Ending) -> ExitCode {
        match ending {
            Ok(_) if self.broken.load(Ordering::Relaxed) => ExitCode::from(4),
            Ok(done) => ExitCode::from(done.status()),
            Err(failure) => {
                if let Some(document) = failure.document().filter(|_| self.json) {
                    self.document(document);
                }
                self.explain(&failure);
                ExitCode::from(failure.status())
            }
        }
    }

    fn explain(&self, failure: &Failure) {
        self.warn(&format!("boarding: {}", failure.text()));
        let Failure::Refused { document, code, .. } = failure else { return };
        let details = document.get("details").filter(|details| !details.is_null());
        if let Some(details) = details {
            self.warn(&format!("  {}", text_of(details)));
        }
        if let Some(advice) = advice::on(code, details.unwrap_or(&Value::Null)) {
            self.warn(&format!("  {advice}"));
        }
    }

    fn write(&self, bytes: &[u8]) {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error)
                if error.kind() != ErrorKind::BrokenPipe
                    && !self.broken.swap(true, Ordering::Relaxed) =>
            {
                self.warn(&format!("boarding: write the answer: {error}"));
            }
            _ => {}
        }
    }
}

/// A text that cannot move a terminal's cursor or colour it: what people wrote into files is shown here.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_does_not_move_the_cursor() {
        assert_eq!(plain("a\u{1b}[2Jb\tc\nd"), "a\u{fffd}[2Jb\u{fffd}c\nd");
    }
}
