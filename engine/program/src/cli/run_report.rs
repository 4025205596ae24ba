//! Prints how a run ended.

use serde_json::{Value, json};

use super::columns::UNREACHED;
use super::failure::Failure;
use super::fields::{number, text};
use super::session::Session;
use super::words::{counted, shown_of};

/// How many people without an invitation are listed for each status.
pub(super) const SHOWN_PEOPLE: usize = 20;

/// As [`SHOWN_PEOPLE`], for the run of an import: as many as a file of accounts may have. So its summary names
/// everybody who was not invited.
pub(super) const SHOWN_PEOPLE_OF_IMPORT: usize = 1_000;

/// Prints the counts of a run, and up to `limit` failed and skipped people with their reasons.
pub(super) async fn print(
    session: &Session<'_>,
    row: &Value,
    limit: Option<usize>,
) -> Result<(), Failure> {
    let out = session.out;
    out.line(&summary(row));
    let run = text(row, "run");
    for status in ["failed", "skipped"] {
        let count = number(row, status);
        if count == 0 {
            continue;
        }
        let params = json!({"run": run, "status": status});
        let shown = limit.map(|limit| shown_of(count, limit));
        let people = session.rows("integration_log", params, shown).await?;
        out.line(&format!("\n{status}:"));
        out.table(UNREACHED, &people);
        let more = count.saturating_sub(people.len() as u64);
        if more > 0 {
            let options = session.location_options();
            out.line(&format!("… and {more} more: boarding log {run} --status {status} {options}"));
        }
    }
    out.note(&format!("all people: boarding log {run} {}", session.location_options()));
    Ok(())
}

/// The state and the counts of a run, in one line.
pub(super) fn summary(row: &Value) -> String {
    let [total, passed, skipped, failed, remaining] =
        ["total", "passed", "skipped", "failed", "remaining"].map(|name| number(row, name));
    let remaining = if remaining == 0 { String::new() } else { format!(", {remaining} remaining") };
    format!(
        "run {} on {} is {}: {}: {passed} invited, {skipped} skipped, {failed} failed{remaining}",
        text(row, "run"),
        text(row, "channel"),
        text(row, "state"),
        counted(total, "person", "people"),
    )
}
