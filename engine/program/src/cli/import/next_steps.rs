//! What an import prints after its rows: invitations, numbers that run short, and the next command.

use boarding_commands::dialect;
use boarding_commands::values::Code;
use serde_json::{Value, json};

use super::preview;
use crate::cli::failure::{Failure, if_shown};
use crate::cli::fields::{number, text};
use crate::cli::run_report;
use crate::cli::session::Session;
use crate::cli::watch;

/// Whether the dialect has email addresses, without which people cannot be invited.
pub(super) fn has_addresses(dialect: &str) -> bool {
    let known = dialect::find(dialect);
    known.is_some_and(|one| one.format().columns.iter().any(|column| column.name.contains("mail")))
}

/// Warns if the organization has too few numbers to invite the accounts of the import.
pub(super) async fn print_shortage(session: &Session<'_>, import: &str) {
    if let Some(warning) = session.shortage(import).await {
        preview::print_warning(session.out, &json!(warning));
    }
}

/// Prints how the run ended that invited the import's people, or why there is none.
pub(super) async fn print_invitations(session: &Session<'_>, row: &Value) -> Result<(), Failure> {
    match row.pointer("/not_invited/message").and_then(Value::as_str) {
        Some(why) => {
            let code = row.pointer("/not_invited/code").and_then(Value::as_str);
            // The words of this code are for a person who selects people. Here the file has selected them.
            let is_empty = code == Some("run.empty_selection");
            let is_general = why == Code::RunEmptySelection.text();
            let why = if is_general { "the import has no person to invite" } else { why };
            session.out.note(&format!("no invitations were sent: {why}"));
            if is_empty && number(row, "existing") > 0 {
                let channel = watch::suggested_channel(session).await?;
                session.out.note(&format!(
                    "  people who existed are invited by: boarding runs start --channel {channel} --import {} {}",
                    text(row, "import"),
                    session.sending_options()
                ));
            }
            if let Some(advice) = code.and_then(|code| session.out.advice(code, &Value::Null)) {
                session.out.note(&format!(
                    "  {advice}; then: boarding runs start --channel CHANNEL --import {} {}",
                    text(row, "import"),
                    session.sending_options()
                ));
            }
        }
        None => {
            let run = if_shown(session.row("run", json!({"run": row.get("run")})).await)?;
            if run.is_null() {
                session.out.note(&format!(
                    "run {} invites people; to see how it ends, the permission bulk_integrate_users is needed",
                    text(row, "run")
                ));
                return Ok(());
            }
            // A file of accounts is bounded, other files are not.
            let shown = match text(row, "dialect") {
                "multiline" => run_report::SHOWN_PEOPLE_OF_IMPORT,
                _ => run_report::SHOWN_PEOPLE,
            };
            run_report::print(session, &run, Some(shown)).await?;
        }
    }
    Ok(())
}

/// Says that no administrator is notified of imports, if the company has not set the address.
pub(super) async fn note_missing_admin(session: &Session<'_>) -> Result<(), Failure> {
    let config = session.row("config", json!({})).await?;
    if text(&config, "network_admin_email").is_empty() {
        session.out.note(&session.out.placed(
            "no administrator got a mail about this import: boarding config set network_admin_email ADDRESS",
        ));
    }
    Ok(())
}

/// Suggests the run that invites the import's people.
pub(super) async fn suggest_run(
    session: &Session<'_>,
    row: &Value,
    lacks_phones: bool,
) -> Result<(), Failure> {
    // If all rows were skipped, no person is new or changed, so there is nothing to suggest.
    if number(row, "created") + number(row, "updated") + number(row, "unchanged") == 0 {
        return Ok(());
    }
    let channel = watch::suggested_channel(session).await?;
    if lacks_phones {
        session.out.note(
            "no phones were added to the corporate phone list; people need one to be invited: import with --add-phones",
        );
    }
    session.out.note(&format!(
        "to invite these people: boarding runs start --channel {channel} --import {} {}",
        text(row, "import"),
        session.sending_options()
    ));
    Ok(())
}
