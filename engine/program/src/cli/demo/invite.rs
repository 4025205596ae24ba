//! The demo's two runs: previewed, started together, watched in turn.

use serde_json::{Value, json};

use crate::cli::columns::QUEUE;
use crate::cli::failure::Failure;
use crate::cli::fields::{set, text};
use crate::cli::session::Session;
use crate::cli::{announcement, run_report, watch};

/// Prints how many people a run of an import would invite, and returns the body that confirms the run.
pub(super) async fn preview(session: &Session<'_>, import: &Value) -> Result<Value, Failure> {
    let body = |mode: &str| json!({"source": {"import": import.get("import")}, "channel": "whatsapp", "mode": mode});
    let preview = session.submit_new("StartBulkIntegration", body("preview")).await?;
    let file = text(import, "file_name");
    session.out.say(&format!("{file}: {}", announcement::opening(&preview.result)));
    let mut confirmed = body("confirmed");
    set(&mut confirmed, "plan_hash", text(&preview.result, "plan_hash"));
    Ok(confirmed)
}

/// Starts both runs and prints the queue at the position of the second answer, before the first run ends.
pub(super) async fn start_both(
    session: &Session<'_>,
    plans: [Value; 2],
) -> Result<[String; 2], Failure> {
    let [first, second] = plans;
    let (first, second) = tokio::join!(
        session.submit_new("StartBulkIntegration", first),
        session.submit_new("StartBulkIntegration", second),
    );
    let (first, second) = (first?, second?);
    let position = second.document.get("position").cloned().unwrap_or_default();
    session.caught_up().await?;
    let queue = session.rows("queue", json!({"as_of": position}), None).await?;
    if !session.out.is_json() {
        session.out.table(QUEUE, &queue);
    }
    Ok([first.id("run"), second.id("run")])
}

/// Watches a run to its end, prints all people without an invitation, and returns the row of the run.
pub(super) async fn watch_run(session: &Session<'_>, run: &str) -> Result<Value, Failure> {
    let row = watch::run(session, run).await?;
    if !session.out.is_json() {
        run_report::print(session, &row, None).await?;
    }
    Ok(row)
}
