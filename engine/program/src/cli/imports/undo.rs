//! `boarding imports undo`: shows what it would come to, asks, and takes an import back.

use clap::Args;
use serde_json::{Value, json};

use super::resolve;
use crate::cli::columns::UNDONE;
use crate::cli::failure::{Done, Ending, Failure};
use crate::cli::list::{self, number, text};
use crate::cli::session::Session;

/// How many rows that were left as they are are shown at once, in rows: what fits on a screen.
const SHOWN_ROWS: usize = 10;

/// Takes back what an import did: shows what that would come to, and asks
///
/// People it created go, old values come back, numbers it listed are taken off the list. Whoever something
/// has happened to since (changed, invited, named by a later import) is left as is, and the row says why.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding imports undo latest --company acme
  boarding imports undo 01JD0000000000000000000000 --yes --company acme
  boarding imports rows latest --undo kept --company acme             who was left as is, and why")]
pub(super) struct Undo {
    /// The import's id, or `latest`
    id: String,
    /// Undoes it without asking
    #[arg(short, long)]
    yes: bool,
}

impl Undo {
    pub(super) fn check(&self) -> Result<(), Failure> {
        use std::io::IsTerminal as _;
        let can_ask = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        if self.yes || can_ask {
            return Ok(());
        }
        let text = "imports undo takes people out and has to ask first, and there is no terminal to ask \
                    on: add --yes to undo without asking";
        Err(Failure::Usage(text.to_owned()))
    }

    pub(super) async fn run(self, session: &Session<'_>) -> Ending {
        let import = resolve(session, self.id.clone()).await?;
        if !is_repeat(session, &import).await && !self.is_confirmed(session, &import).await? {
            session.out.line("nothing was undone");
            return Ok(Done::Well);
        }
        let accepted = session.submit("UndoImport", json!({"import": import})).await?;
        session.settle().await?;
        let row = session.row("import", json!({"import": import})).await?;
        if session.out.is_json() {
            session.out.document(&row);
        } else {
            report(session, &row).await?;
            session.out.note(&list::receipt(&accepted));
        }
        Ok(Done::losing(count(&row, "errored")))
    }

    /// Shows what it would come to and asks.
    async fn is_confirmed(&self, session: &Session<'_>, import: &str) -> Result<bool, Failure> {
        let body = json!({"import": import, "mode": "preview"});
        let shown = session.submit_anew("UndoImport", body).await?.result;
        let [reversed, kept, errored] =
            ["reversed", "kept", "errored"].map(|name| number(&shown, name));
        let question = format!(
            "You're about to undo import {import}: {reversed} rows would be reversed, {kept} left as they \
             are because something has happened to the people since, {errored} cannot be reversed."
        );
        if self.yes {
            session.out.say(&question);
            return Ok(true);
        }
        Ok(session.out.confirm(&format!("{question} Proceed?")).await == Some(true))
    }
}

/// Whether the same command was accepted before: then there is nothing left to show, only to tell again.
async fn is_repeat(session: &Session<'_>, import: &str) -> bool {
    if session.given_id().is_none() {
        return false;
    }
    let row = session.row("import", json!({"import": import})).await;
    row.is_ok_and(|row| row.get("undo").is_some_and(|undo| !undo.is_null()))
}

fn count(row: &Value, outcome: &str) -> u64 {
    row.get("undo").map_or(0, |undo| number(undo, outcome))
}

async fn report(session: &Session<'_>, row: &Value) -> Result<(), Failure> {
    let import = text(row, "import");
    let [reversed, kept, errored] = ["reversed", "kept", "errored"].map(|name| count(row, name));
    session.out.line(&format!(
        "import {import} of {} is {}: {reversed} rows reversed, {kept} kept, {errored} errored",
        text(row, "file_name"),
        text(row, "state"),
    ));
    for (outcome, count) in [("kept", kept), ("errored", errored)] {
        if count == 0 {
            continue;
        }
        let params = json!({"import": import, "undo": outcome});
        let rows = session.rows("import_rows", params, Some(SHOWN_ROWS)).await?;
        session.out.line(&format!("\n{outcome} rows:"));
        session.out.table(UNDONE, &rows);
        if count > rows.len() as u64 {
            session.out.note(&format!(
                "all of them: boarding imports rows {import} --undo {outcome} {}",
                session.place()
            ));
        }
    }
    Ok(())
}
