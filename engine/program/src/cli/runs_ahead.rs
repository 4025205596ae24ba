//! Says which runs a new run would wait for, and which are scheduled.

use boarding_commands::values::Time;
use serde_json::{Value, json};

use super::failure::Failure;
use super::fields::{number, text};
use super::session::Session;
use super::words::{counted, shown_of};

/// The most runs that are named: they fit on a screen.
const SHOWN_RUNS: usize = 5;

/// A line for each run that has not ended: those that a new run would wait for, and those that are scheduled.
pub(super) async fn all(session: &Session<'_>) -> Result<Vec<String>, Failure> {
    lines(session, |_| true).await
}

/// A line for each run that goes on or starts together with a new one.
pub(super) async fn started(session: &Session<'_>) -> Result<Vec<String>, Failure> {
    let now = session.engine.clock().now();
    lines(session, |run| is_due(run, now)).await
}

/// Says which runs go on or start together with a command that asks nothing.
pub(super) async fn remark(session: &Session<'_>) -> Result<(), Failure> {
    started(session).await?.iter().for_each(|line| session.out.remark(line));
    Ok(())
}

async fn lines(
    session: &Session<'_>,
    shows: impl Fn(&Value) -> bool,
) -> Result<Vec<String>, Failure> {
    let now = session.engine.clock().now();
    let queue = session.rows("queue", json!({}), None).await?;
    let mut scheduled = session.rows("runs", json!({"state": "scheduled"}), None).await?;
    scheduled.retain(shows);
    let mut lines = lines_of(&queue, before, "boarding runs queue");
    let list = "boarding runs list --state scheduled";
    lines.extend(lines_of(&scheduled, |run| later(run, now), list));
    Ok(lines.iter().map(|line| session.out.placed(line)).collect())
}

/// A line for each of the first runs, and how many more there are with the verb that lists them.
fn lines_of(runs: &[Value], line: impl Fn(&Value) -> String, list: &str) -> Vec<String> {
    let shown = shown_of(runs.len() as u64, SHOWN_RUNS);
    let mut lines: Vec<String> = runs.iter().take(shown).map(line).collect();
    let rest = runs.len().saturating_sub(shown);
    if rest > 0 {
        let more = counted(rest as u64, "more run", "more runs");
        lines.push(format!("… and {more}: {list}"));
    }
    lines
}

/// A run in the queue, which a new run waits for.
fn before(run: &Value) -> String {
    let place = match number(run, "place") {
        0 => "running".to_owned(),
        place => format!("pending, place {place} in the queue"),
    };
    format!("the run would wait behind run {}, which is {place}", text(run, "run"))
}

fn is_due(run: &Value, now: Time) -> bool {
    text(run, "not_before").parse().is_ok_and(|at: Time| at <= now)
}

/// A run that is scheduled, or whose time has come.
fn later(run: &Value, now: Time) -> String {
    let id = text(run, "run");
    if is_due(run, now) {
        return format!(
            "run {id} for {} is due and starts too; to withdraw it: boarding runs withdraw {id}",
            counted(number(run, "total"), "person", "people"),
        );
    }
    format!(
        "run {id} for {} is scheduled and enters the queue at {}; a run that starts later waits behind it; to withdraw it: boarding runs withdraw {id}",
        counted(number(run, "total"), "person", "people"),
        text(run, "not_before"),
    )
}
