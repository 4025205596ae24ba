//! `boarding imports`: lists imports and their rows, writes failed rows, undoes imports.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::columns;
use super::failure::{CliResult, Done, Failure};
use super::fields::text;
use super::latest;
use super::list::{self, CsvExport, Limit};
use super::session::Session;
use super::since;
use super::watch;

mod undo;

use undo::Undo;

/// Lists imports and their rows, writes failed rows to a file, undoes an import
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding imports --company acme
  boarding imports progress latest --company acme
  boarding imports rows latest --outcome invalid --company acme
  boarding imports rows latest --phone rejected --company acme
  boarding imports failed-rows latest -o failed.csv --company acme
  boarding imports link latest --company acme
  boarding imports undo latest --company acme")]
pub(super) struct Imports {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists all imports, the newest first
    List(Limit),
    /// Shows the state and the counts of an import
    Show {
        /// The import's id, or `latest`
        id: String,
    },
    /// Shows how many rows of an import are processed
    Progress {
        /// The import's id, or `latest`
        id: String,
    },
    /// Lists the rows of an import with their outcomes and problems
    Rows(Rows),
    /// Writes the failed rows as CSV in the columns of the file, to correct and import them
    FailedRows {
        /// The import's id, or `latest`
        id: String,
        /// Writes it for a spreadsheet: cells that look like formulas are escaped
        #[arg(long)]
        spreadsheet: bool,
        /// Writes into this file
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Sends the administrator a new link that invites the people of an import; older links end
    Link {
        /// The import's id, or `latest`
        id: String,
    },
    Undo(Undo),
}

#[derive(Debug, Args)]
struct Rows {
    /// The import's id, or `latest`
    id: String,
    /// Only rows with this outcome: created (or inserted), updated, unchanged, activated, deactivated, archived,
    /// skipped, duplicate, invalid
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Only rows whose phone has this outcome: added, already_present, rejected
    #[arg(long, value_name = "OUTCOME")]
    phone: Option<String>,
    /// Only rows with this outcome of the undo: reversed, kept, errored
    #[arg(long, value_name = "OUTCOME")]
    undo: Option<String>,
    /// Only rows with warnings, or with losses: cells and phones that were not taken over
    #[arg(long, value_name = "WHAT", value_parser = ["warnings", "losses"])]
    with: Option<String>,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    export: CsvExport,
}

impl Imports {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.limit)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        match self.verb.unwrap_or(Verb::List(self.limit)) {
            Verb::List(limit) => {
                list::show(session, "imports", json!({}), limit, columns::IMPORTS).await
            }
            Verb::Show { id } => {
                let id = latest::import(session, id).await?;
                let row = session.row("import", json!({"import": id})).await?;
                let shown = list::show_row(session.out, &row);
                let missing = match text(&row, "state") {
                    "processing" => session.missing_file(&id, text(&row, "sha256")).await?,
                    _ => None,
                };
                match missing {
                    Some(why) => Err(watch::blocked(&id, &why)),
                    None => shown,
                }
            }
            Verb::Progress { id } => {
                let id = latest::import(session, id).await?;
                let row = session.row("import_progress", json!({"import": id})).await?;
                list::show_row(session.out, &row)
            }
            Verb::Link { id } => {
                let config = session.row("config", json!({})).await?;
                let done = format!(
                    "a new link is mailed to {}; older links of the import end",
                    text(&config, "network_admin_email")
                );
                latest::say_import(session, &id).await?;
                let body = json!({"import": id});
                let sent = list::submit_and_print(session, "RenewImportLink", body, &done).await?;
                session.out.note(&format!(
                    "to follow the link of the mail by hand: boarding runs start --channel {} --link LINK {}",
                    watch::suggested_channel(session).await?,
                    session.location_options()
                ));
                watch::note_placeholders(session, true).await?;
                Ok(sent)
            }
            Verb::Rows(rows) => rows.run(session).await,
            Verb::Undo(undo) => undo.run(session).await,
            Verb::FailedRows { id, spreadsheet, output } => {
                if session.out.is_json() && output.is_none() {
                    let text = "the failed rows are a CSV file; leave out --json, or write the file with -o FILE";
                    return Err(Failure::Usage(text.to_owned()));
                }
                let id = latest::import(session, id).await?;
                let bytes = session
                    .csv(
                        "failed_rows",
                        json!({"import": id, "format": spreadsheet.then_some("spreadsheet")}),
                    )
                    .await?;
                session.out.file(&bytes, output.as_deref())?;
                Ok(Done::Completely)
            }
        }
    }
}

impl Rows {
    async fn run(self, session: &Session<'_>) -> CliResult {
        let is_latest = self.id == "latest";
        let id = latest::import(session, self.id).await?;
        if is_latest {
            latest::say_undone(session, &id).await?;
        }
        // OCM calls created users inserted.
        let outcome = self.outcome.map(|outcome| match outcome.as_str() {
            "inserted" => "created".to_owned(),
            _ => outcome,
        });
        let params = json!({
            "import": id, "outcome": outcome, "phone": self.phone, "undo": self.undo, "with": self.with,
        });
        let (query, limit) = ("import_rows", self.limit);
        if self.undo.is_none() || self.export.format().is_some() || session.out.is_json() {
            let columns = columns::IMPORT_ROWS;
            return list::show_or_write(session, query, params, limit, columns, &self.export).await;
        }
        let mut rows = session.rows(query, params, limit.limit).await?;
        since::add_causes(session, &id, &mut rows).await;
        list::print_rows(session, columns::UNDONE, &rows);
        Ok(Done::Completely)
    }
}
