//! Unfinished runs: which delay a new run, which start with it, how they end.

use boarding_commands::values::Time;
use serde_json::{Value, json};

use super::failure::{Failure, if_shown};
use super::fields::{number, text};
use super::run_report;
use super::session::Session;
use super::words::{counted, shown_of};

/// The most runs that one list names, so that it fits on a screen.
const SHOWN_RUNS: usize = 5;

/// An unfinished run, with the line that describes it to the operator.
pub(super) struct RunAhead {
    pub(super) id: String,
    line: String,
}

/// All unfinished runs: the queued ones, which a new run waits for, and the scheduled ones.
pub(super) async fn all(session: &Session<'_>) -> Result<Vec<RunAhead>, Failure> {
    runs(session, |_, _| true).await
}

/// The runs that continue or start together with a new run: the queued ones and the due ones.
pub(super) async fn started(session: &Session<'_>) -> Result<Vec<RunAhead>, Failure> {
    runs(session, is_due).await
}

/// One line for each of the first `SHOWN_RUNS` runs, and one line with the number of the others.
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

/// Prints the other runs that continue or start together with the run `own`.
pub(super) async fn remark(session: &Session<'_>, own: &str) -> Result<(), Failure> {
    let mut started = if_shown(started(session).await)?;
    started.retain(|run| run.id != own);
    lines(session, &started).iter().for_each(|line| session.out.remark(line));
    Ok(())
}

/// Continues the queued runs and starts the due ones.
pub(super) async fn carry(session: &Session<'_>) {
    // On a full disk queries may fail. The runs continue nevertheless.
    let started = started(session).await.unwrap_or_default();
    session.carry_runs(started.into_iter().map(|run| run.id)).await;
}

/// Prints how the runs ended that continued beside the run `own`. Returns the number of their failed people.
pub(super) async fn report_carried(session: &Session<'_>, own: &str) -> Result<u64, Failure> {
    let mut failed = 0;
    for run in session.take_carried().iter().filter(|run| *run != own) {
        let row = session.row("run", json!({"run": run})).await?;
        session.out.remark(&run_report::summary(&row));
        failed += number(&row, "failed");
    }
    Ok(failed)
}

/// The queued runs, and the scheduled runs for which `includes` is true.
async fn runs(
    session: &Session<'_>,
    includes: fn(&Value, Time) -> bool,
) -> Result<Vec<RunAhead>, Failure> {
    let now = session.now();
    let queue = session.rows("queue", json!({}), None).await?;
    let scheduled = session.rows("runs", json!({"state": "scheduled"}), None).await?;
    let ahead = |run: &Value, line: String| RunAhead { id: text(run, "run").to_owned(), line };
    let queue = queue.iter().map(|run| ahead(run, queued_line(run)));
    let scheduled = scheduled.iter().filter(|run| includes(run, now));
    Ok(queue.chain(scheduled.map(|run| ahead(run, scheduled_line(run, now)))).collect())
}

/// The line of a queued run, which a new run waits for.
fn queued_line(run: &Value) -> String {
    let place = match number(run, "place") {
        0 => "running".to_owned(),
        place => format!("pending, place {place} in the queue"),
    };
    format!("the run would wait behind run {}, which is {place}", text(run, "run"))
}

/// Whether the time of a scheduled run has come.
fn is_due(run: &Value, now: Time) -> bool {
    text(run, "not_before").parse().is_ok_and(|at: Time| at <= now)
}

/// The line of a scheduled run, which may be due.
fn scheduled_line(run: &Value, now: Time) -> String {
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
