//! The runs that have not ended: says which of them a new run waits for or starts too, and how they end.

use boarding_commands::values::Time;
use serde_json::{Value, json};

use super::failure::Failure;
use super::fields::{number, text};
use super::run_report;
use super::session::Session;
use super::words::{counted, shown_of};

/// The most runs that are named: they fit on a screen.
const SHOWN_RUNS: usize = 5;

/// A run that has not ended, and what to say of it.
pub(super) struct RunAhead {
    pub(super) id: String,
    line: String,
}

/// The runs that have not ended: those that a new run would wait for, and those that are scheduled.
pub(super) async fn all(session: &Session<'_>) -> Result<Vec<RunAhead>, Failure> {
    runs(session, |_, _| true).await
}

/// The runs that go on or start together with a new one.
pub(super) async fn started(session: &Session<'_>) -> Result<Vec<RunAhead>, Failure> {
    runs(session, is_due).await
}

/// A line for each of the first runs, and how many more there are.
pub(super) fn lines(session: &Session<'_>, runs: &[RunAhead]) -> Vec<String> {
    let shown = shown_of(runs.len() as u64, SHOWN_RUNS);
    let mut lines: Vec<String> = runs.iter().take(shown).map(|run| run.line.clone()).collect();
    let rest = runs.len().saturating_sub(shown);
    if rest > 0 {
        let more = counted(rest as u64, "more run", "more runs");
        lines.push(format!("… and {more}: boarding runs list"));
    }
    lines.iter().map(|line| session.out.placed(line)).collect()
}

/// Says which runs go on or start together with this one.
pub(super) async fn remark(session: &Session<'_>, own: &str) -> Result<(), Failure> {
    let mut started = started(session).await?;
    started.retain(|run| run.id != own);
    lines(session, &started).iter().for_each(|line| session.out.remark(line));
    Ok(())
}

/// Carries on the runs that have not ended.
pub(super) async fn carry(session: &Session<'_>) {
    // On a full disk queries may fail. The runs go on nevertheless.
    let started = started(session).await.unwrap_or_default();
    session.carry_runs(started.into_iter().map(|run| run.id)).await;
}

/// Says how the runs have ended that were carried on beside the verb's own run. Returns how many of their people have
/// failed.
pub(super) async fn tell_carried(session: &Session<'_>, own: &str) -> Result<u64, Failure> {
    let mut failed = 0;
    for run in session.take_carried().iter().filter(|run| *run != own) {
        let row = session.row("run", json!({"run": run})).await?;
        session.out.remark(&run_report::summary(&row));
        failed += number(&row, "failed");
    }
    Ok(failed)
}

async fn runs(
    session: &Session<'_>,
    shows: fn(&Value, Time) -> bool,
) -> Result<Vec<RunAhead>, Failure> {
    let now = session.engine.clock().now();
    let queue = session.rows("queue", json!({}), None).await?;
    let scheduled = session.rows("runs", json!({"state": "scheduled"}), None).await?;
    let ahead = |run: &Value, line: String| RunAhead { id: text(run, "run").to_owned(), line };
    let queue = queue.iter().map(|run| ahead(run, before(run)));
    let scheduled = scheduled.iter().filter(|run| shows(run, now));
    Ok(queue.chain(scheduled.map(|run| ahead(run, later(run, now)))).collect())
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
