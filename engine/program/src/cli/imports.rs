//! `boarding imports`: what was imported, what became of each row, and the rows to mend.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::columns;
use super::failure::{Done, Ending, Failure};
use super::list::{self, Limit, Sheet};
use super::session::Session;
use super::watch;

mod undo;

use undo::Undo;

/// What was imported, and what became of each row
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding imports --company acme
  boarding imports progress latest --company acme
  boarding imports rows latest --outcome invalid --company acme
  boarding imports rows latest --phone rejected --company acme
  boarding imports failed-rows latest -o mend-me.csv --company acme
  boarding imports undo latest --company acme")]
pub(super) struct Imports {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Shows all imports, the newest first
    List(Limit),
    /// Shows one: its counts and where it stands
    Show {
        /// The import's id, or `latest`
        id: String,
    },
    /// Shows how far one is: rows that have an outcome, of all
    Progress {
        /// The import's id, or `latest`
        id: String,
    },
    /// Shows what became of each row of one, and why
    Rows(Rows),
    /// Writes the refused rows as CSV in the file's own columns: mend them and import that file
    FailedRows {
        /// The import's id, or `latest`
        id: String,
        /// Writes into this file
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    Undo(Undo),
}

#[derive(Debug, Args)]
struct Rows {
    /// The import's id, or `latest`
    id: String,
    /// Only rows with this outcome: created, updated, unchanged, skipped, duplicate, invalid, …
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Only rows whose phone number met this: added, already_present, rejected
    #[arg(long, value_name = "OUTCOME", conflicts_with_all = ["csv", "spreadsheet", "output"])]
    phone: Option<String>,
    /// Only rows of which undoing the import came to this: reversed, kept, errored
    #[arg(long, value_name = "OUTCOME")]
    undo: Option<String>,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    sheet: Sheet,
}

impl Imports {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.limit)?;
        match &self.verb {
            Some(Verb::Undo(undo)) => undo.check(),
            _ => Ok(()),
        }
    }

    pub(super) async fn run(self, session: &Session<'_>) -> Ending {
        match self.verb.unwrap_or(Verb::List(self.limit)) {
            Verb::List(limit) => {
                list::show(session, "imports", json!({}), limit, columns::IMPORTS).await
            }
            Verb::Show { id } => {
                let id = resolve(session, id).await?;
                let row = session.row("import", json!({"import": id})).await?;
                let shown = list::show_row(session.out, &row);
                let missing = session.engine.missing_file(list::text(&row, "sha256"));
                match missing.filter(|_| list::text(&row, "state") == "processing") {
                    Some(why) => Err(watch::cannot_go_on(&id, &why)),
                    None => shown,
                }
            }
            Verb::Progress { id } => {
                let id = resolve(session, id).await?;
                let row = session.row("import_progress", json!({"import": id})).await?;
                list::show_row(session.out, &row)
            }
            Verb::Rows(rows) => rows.run(session).await,
            Verb::Undo(undo) => undo.run(session).await,
            Verb::FailedRows { id, output } => {
                if session.out.is_json() && output.is_none() {
                    let text = "the refused rows are CSV, to be mended and imported; leave out --json, or write \
                                them into a file with -o";
                    return Err(Failure::Usage(text.to_owned()));
                }
                let id = resolve(session, id).await?;
                let bytes = session.csv("failed_rows", json!({"import": id})).await?;
                session.out.file(&bytes, output.as_deref())?;
                Ok(Done::Well)
            }
        }
    }
}

impl Rows {
    async fn run(self, session: &Session<'_>) -> Ending {
        let id = resolve(session, self.id).await?;
        let params = json!({"import": id, "outcome": self.outcome, "undo": self.undo});
        let columns = if self.undo.is_some() { columns::UNDONE } else { columns::IMPORT_ROWS };
        let Some(phone) = self.phone else {
            return list::show_or_write(
                session,
                "import_rows",
                params,
                self.limit,
                columns,
                &self.sheet,
            )
            .await;
        };
        let mut rows = rows_by_phone(session, params, &phone).await?;
        rows.truncate(self.limit.limit.unwrap_or(usize::MAX));
        if session.out.is_json() {
            rows.iter().for_each(|row| session.out.document(row));
        } else {
            session.out.table(columns, &rows);
        }
        Ok(Done::Well)
    }
}

/// The rows whose phone number met this.
pub(super) async fn rows_by_phone(
    session: &Session<'_>,
    params: Value,
    phone: &str,
) -> Result<Vec<Value>, Failure> {
    let mut found = Vec::new();
    let wanted = |row: &Value| list::text(row, "phone").starts_with(phone);
    session
        .pages("import_rows", params, None, |rows| found.extend(rows.into_iter().filter(wanted)))
        .await?;
    Ok(found)
}

/// `latest` as the id of the newest import; anything else as it is.
async fn resolve(session: &Session<'_>, id: String) -> Result<String, Failure> {
    if id != "latest" {
        return Ok(id);
    }
    let newest = session.rows("imports", json!({}), Some(1)).await?;
    let none = boarding_commands::values::Refusal::new(
        boarding_commands::values::Code::ImportNoneAvailable,
    );
    newest.first().map(|row| list::text(row, "import").to_owned()).ok_or_else(|| none.into())
}
