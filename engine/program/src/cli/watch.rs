//! Watching what goes on: an import or a run, until it is over, with progress.

use std::time::Duration;

use serde_json::{Value, json};

use super::failure::Failure;
use super::list::{number, text};
use super::session::Session;

/// How often the read models are looked at, in milliseconds: a bar that moves, and no load to speak of.
const LOOK_MILLIS: u64 = 20;

/// Watches an import until it is completed.
pub(super) async fn import(session: &Session<'_>, import: &str) -> Result<(), Failure> {
    session.engine.caught_up().await?;
    let mut progress = session.out.progress("importing");
    loop {
        let row = session.row("import_progress", json!({"import": import})).await?;
        let message = format!("rows, {} invalid", number(&row, "invalid"));
        progress.at(number(&row, "processed"), number(&row, "total"), &message);
        if text(&row, "state") != "processing" {
            return Ok(());
        }
        let stuck = session.stuck().await;
        if let Some((id, why)) = stuck.iter().find(|(id, _)| id.to_string() == import) {
            return Err(cannot_go_on(&id.to_string(), why));
        }
        pause().await;
    }
}

/// An import that waits for something which does not come by itself.
pub(super) fn cannot_go_on(import: &str, why: &str) -> Failure {
    Failure::Unavailable(format!("import {import} cannot go on: {why}"))
}

/// Watches a run until it is over, or waits for a time to come; gives its row.
pub(super) async fn run(session: &Session<'_>, run: &str) -> Result<Value, Failure> {
    session.engine.caught_up().await?;
    let mut progress = session.out.progress("inviting");
    loop {
        let row = session.row("run", json!({"run": run})).await?;
        let total = number(&row, "total");
        progress.at(total.saturating_sub(number(&row, "remaining")), total, &standing(&row));
        if !matches!(text(&row, "state"), "pending" | "running") {
            return Ok(row);
        }
        if let Some(via) = session.begun_elsewhere().await {
            return Err(Failure::Unavailable(format!(
                "a run of the company was begun through {via} and waits for it: ask again with {way}, \
                 or with --adopt-runs to go on this way (nobody gets a second mail)",
                way = if via == "smtp" { "--smtp URL" } else { "the outbox, without --smtp" },
            )));
        }
        pause().await;
    }
}

fn standing(row: &Value) -> String {
    match row.get("queue_place").and_then(Value::as_u64) {
        Some(place) => format!("waiting, place {place} in the queue"),
        None => {
            let [passed, skipped, failed] =
                ["passed", "skipped", "failed"].map(|name| number(row, name));
            format!("people: {passed} invited, {skipped} skipped, {failed} failed")
        }
    }
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(LOOK_MILLIS)).await;
}
