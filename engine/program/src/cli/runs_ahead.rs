//! Prints the runs that a new run would wait for, and the scheduled runs.

use serde_json::{Value, json};

use super::failure::Failure;
use super::fields::{number, text};
use super::session::Session;
use super::words::{counted, shown_of};

/// The most runs that are named: they fit on a screen.
const SHOWN_RUNS: usize = 5;

/// Prints a line for each run that has not ended: what a new run would wait for, and what is scheduled.
pub(super) async fn print(session: &Session<'_>) -> Result<(), Failure> {
    let queue = session.rows("queue", json!({}), None).await?;
    let scheduled = session.rows("runs", json!({"state": "scheduled"}), None).await?;
    print_runs(session, &queue, before, "boarding runs queue");
    print_runs(session, &scheduled, later, "boarding runs list --state scheduled");
    Ok(())
}

/// Prints a line for each of the first runs, and how many more there are with the verb that lists them.
fn print_runs(session: &Session<'_>, runs: &[Value], line: fn(&Value) -> String, list: &str) {
    let print = |line: &str| session.out.line(&session.out.placed(line));
    let shown = shown_of(runs.len() as u64, SHOWN_RUNS);
    runs.iter().take(shown).for_each(|run| print(&line(run)));
    let rest = runs.len().saturating_sub(shown);
    if rest > 0 {
        let more = counted(rest as u64, "more run", "more runs");
        print(&format!("… and {more}: {list}"));
    }
}

/// A run in the queue, which a new run waits for.
fn before(run: &Value) -> String {
    let place = match number(run, "place") {
        0 => "running".to_owned(),
        place => format!("pending, place {place} in the queue"),
    };
    format!("the run would wait behind run {}, which is {place}", text(run, "run"))
}

/// A run that is scheduled.
fn later(run: &Value) -> String {
    let id = text(run, "run");
    format!(
        "run {id} for {} is scheduled and enters the queue at {}; a run that starts later waits behind it; to withdraw it: boarding runs withdraw {id}",
        counted(number(run, "total"), "person", "people"),
        text(run, "not_before"),
    )
}
