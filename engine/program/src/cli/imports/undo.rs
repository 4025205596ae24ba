//! `boarding imports undo`: shows the outcome of an undo, asks for confirmation, and undoes the import.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::columns::UNDONE;
use crate::cli::consent::check_can_ask;
use crate::cli::failure::{CliResult, Done, Failure};
use crate::cli::fields::{number, text};
use crate::cli::latest;
use crate::cli::list;
use crate::cli::session::Session;
use crate::cli::since;
use crate::cli::words::{counted, shown_of};

/// The most kept rows that are shown: they fit on a screen.
const SHOWN_ROWS: usize = 10;

/// What an undo of an import does that changed no row.
const CHANGED_NOTHING: &str = "The import changed no user, so there is nothing to take back; the undo only ends the \
    import as a source of runs, and earlier imports of the same people can be undone.";

/// Undoes an import, after showing what would change and asking for confirmation
///
/// Removes the people that the import created, restores old values, and removes the phones that it added. Rows
/// of people who were changed, invited or imported since are kept, with the reason. If all rows are kept, nothing is
/// undone and the status is 5.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding imports undo latest --company acme
  boarding imports undo 01JD0000000000000000000000 --yes --company acme
  boarding imports rows latest --undo kept --company acme             lists the kept rows and why")]
pub(super) struct Undo {
    /// The import's id, or `latest`
    id: String,
    /// Undoes the import without asking
    #[arg(short, long)]
    yes: bool,
}

impl Undo {
    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        let import = latest::import(session, self.id.clone()).await?;
        if !is_repeat(session, &import).await && !self.confirm(session, &import).await? {
            session.out.line("nothing was undone");
            return Ok(Done::Completely);
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
        let stays = u64::from(text(&row, "state") != "undone");
        Ok(Done::with_failures(count(&row, "errored") + stays))
    }

    /// Shows what the undo would do, and asks for confirmation unless `--yes` is given.
    async fn confirm(&self, session: &Session<'_>, import: &str) -> Result<bool, Failure> {
        let body = json!({"import": import, "mode": "preview"});
        // The preview has a new id, because `--id` is the id of the undo.
        let shown = session.submit_new("UndoImport", body).await?.result;
        let [reversed, kept, errored] =
            ["reversed", "kept", "errored"].map(|name| number(&shown, name));
        let question = format!(
            "You're about to undo import {import}: {} would be reversed, {kept} kept because their people \
        were changed since, {errored} cannot be reversed.",
            counted(reversed, "row", "rows"),
        );
        let question = match reversed + kept + errored {
            0 => format!("{question} {CHANGED_NOTHING}"),
            _ => question,
        };
        let question = match unsupervised(&shown, "would be") {
            Some(left) => format!("{question} {left}"),
            None => question,
        };
        if self.yes {
            session.out.say(&question);
            return Ok(true);
        }
        // Only after the preview: an import that cannot be undone is refused without a question.
        check_can_ask("imports undo", ("removes people", "undo"), self.yes)?;
        Ok(session.out.confirm(&format!("{question} Proceed?")).await == Some(true))
    }
}

/// Whether an undo was already accepted and `--id` may repeat it. Then the answer is printed again without asking.
async fn is_repeat(session: &Session<'_>, import: &str) -> bool {
    if session.given_id().is_none() {
        return false;
    }
    let row = session.row("import", json!({"import": import})).await;
    row.is_ok_and(|row| text(&row, "state") == "undone")
}

fn count(row: &Value, outcome: &str) -> u64 {
    row.get("undo").map_or(0, |undo| number(undo, outcome))
}

/// Who is left without a supervisor, as a sentence. `None` if all have one.
fn unsupervised(undo: &Value, are: &str) -> Option<String> {
    let left = undo.get("unsupervised").filter(|left| number(left, "total") > 0)?;
    let users = left["users"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let total = number(left, "total");
    let named: Vec<_> = users.take(shown_of(total, SHOWN_ROWS)).collect();
    let are = if total == 1 { are.replace("are", "is") } else { are.to_owned() };
    let more = match total.saturating_sub(named.len() as u64) {
        0 => String::new(),
        more => format!(" and {more} more (all with --json)"),
    };
    let people = counted(total, "person", "people");
    Some(format!("{people} {are} left without a supervisor: {}{more}.", named.join(", ")))
}

async fn report(session: &Session<'_>, row: &Value) -> Result<(), Failure> {
    let import = text(row, "import");
    let [reversed, kept, errored] = ["reversed", "kept", "errored"].map(|name| count(row, name));
    if text(row, "state") != "undone" {
        session.out.line("nothing was undone, so the import stays and its people can be invited");
    }
    session.out.line(&format!(
        "import {import} of {} is {}: {} reversed, {kept} kept, {errored} errored",
        text(row, "file_name"),
        text(row, "state"),
        counted(reversed, "row", "rows"),
    ));
    if reversed + kept + errored == 0 {
        session.out.line(CHANGED_NOTHING);
    }
    let left = row.get("undo").and_then(|undo| unsupervised(undo, "are"));
    if let Some(left) = left {
        session.out.line(&left);
    }
    for (outcome, count) in [("kept", kept), ("errored", errored)] {
        if count == 0 {
            continue;
        }
        let params = json!({"import": import, "undo": outcome});
        let shown = shown_of(count, SHOWN_ROWS);
        let mut rows = session.rows("import_rows", params, Some(shown)).await?;
        since::add_causes(session, import, &mut rows).await;
        session.out.line(&format!("\n{outcome} rows:"));
        session.out.table(UNDONE, &rows);
        if count > rows.len() as u64 {
            session.out.note(&format!(
                "to list all of them: boarding imports rows {import} --undo {outcome} {}",
                session.location_options()
            ));
        }
    }
    Ok(())
}
