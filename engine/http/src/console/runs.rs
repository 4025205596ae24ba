//! The list of runs, and a run with its integration log.

use axum::extract::{Path, Request};
use axum::response::Response;
use boarding_core::queries::QueryFailure;
use minijinja::context;
use serde_json::{Value as Json, json};

use super::render::data;
use super::visit::Visit;

pub(super) async fn list(visit: Visit) -> Response {
    visit.answered(list_page(&visit).await)
}

async fn list_page(visit: &Visit) -> Result<Response, QueryFailure> {
    let state = visit.fields.get("state");
    let runs = visit.list("runs", json!({"state": state})).await?;
    Ok(visit.page(
        "runs.html",
        context! {
            title => visit.texts.get("runs_title"),
            pager => visit.pager(&runs),
            runs => data(runs),
            state => state,
        },
    ))
}

pub(super) async fn show(visit: Visit, Path(run): Path<String>) -> Response {
    visit.answered(run_page(&visit, &run).await)
}

async fn run_page(visit: &Visit, run: &str) -> Result<Response, QueryFailure> {
    let answer = visit.query("run", json!({"run": run})).await?;
    let row = answer.get("row").cloned().unwrap_or_default();
    let (status, search) = (visit.fields.get("status"), visit.fields.get("search"));
    let params = json!({"run": run, "status": status, "search": search});
    let log = visit.list("integration_log", params).await?;
    let import = match row.pointer("/source/import").and_then(Json::as_str) {
        Some(import) => visit.part("import", json!({"import": import})).await?,
        None => Json::Null,
    };
    let state = row.get("state").and_then(Json::as_str).unwrap_or_default().to_owned();
    let queue = match state.as_str() {
        "pending" => visit.part("queue", json!({})).await?,
        _ => Json::Null,
    };
    Ok(visit.page(
        "run.html",
        context! {
            title => visit.texts.get("run_title"),
            run => data(&row),
            pager => visit.pager(&log),
            log => data(log),
            import => data(import),
            queue => data(queue),
            id => visit.new_id(),
            status => status,
            search => search,
            live => !matches!(state.as_str(), "completed" | "withdrawn"),
        },
    ))
}

/// `POST /console/runs/<run>/withdraw`: withdraws a run that has not started.
pub(super) async fn withdraw(visit: Visit, Path(run): Path<String>, request: Request) -> Response {
    let withdrawn = match visit.form(request).await {
        Ok(fields) => {
            let done = visit.command("CancelRun", fields.get("id"), json!({"run": run})).await;
            done.map(|accepted| visit.go(&format!("runs/{run}"), accepted.position))
        }
        Err(failure) => Err(failure),
    };
    visit.answered(withdrawn)
}
