//! Says which runs of the company come before a new one, or may come between.

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
    for run in first(&queue) {
        session.out.line(&before(run));
    }
    print_rest(session, queue.len(), "boarding runs queue");
    for run in first(&scheduled) {
        session.out.line(&session.out.placed(&later(run)));
    }
    print_rest(session, scheduled.len(), "boarding runs list --state scheduled");
    Ok(())
}

fn first(runs: &[Value]) -> &[Value] {
    runs.get(..shown_of(runs.len() as u64, SHOWN_RUNS)).unwrap_or(runs)
}

fn print_rest(session: &Session<'_>, count: usize, list: &str) {
    let rest = count.saturating_sub(shown_of(count as u64, SHOWN_RUNS));
    if rest > 0 {
        let more = counted(rest as u64, "more run", "more runs");
        session.out.line(&session.out.placed(&format!("… and {more}: {list}")));
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
