//! The first page: what runs, what waits, and what needs attention.

use axum::response::Response;
use boarding_core::queries::QueryFailure;
use minijinja::context;
use serde_json::json;

use super::render::data;
use super::visit::Visit;

/// How many runs and imports are searched for failures, the newest first.
const RECENT: usize = 10;

pub(super) async fn show(visit: Visit) -> Response {
    visit.answered(page(&visit).await)
}

async fn page(visit: &Visit) -> Result<Response, QueryFailure> {
    let running = visit.part("runs", json!({"state": "running"})).await?;
    let queue = visit.part("queue", json!({})).await?;
    let scheduled = visit.part("runs", json!({"state": "scheduled", "limit": RECENT})).await?;
    let runs = visit.part("runs", json!({"limit": RECENT})).await?;
    let imports = visit.part("imports", json!({"limit": RECENT})).await?;
    let uncertain =
        visit.part("invitations", json!({"state": "uncertain", "limit": RECENT})).await?;
    let mails = visit.part("notifications", json!({"state": "failed", "limit": RECENT})).await?;
    let numbers = visit.part("number_utilisation", json!({})).await?;
    let status = visit.part("company_status", json!({})).await?;
    Ok(visit.page(
        "home.html",
        context! {
            title => visit.texts.get("home_title"),
            running => data(running),
            queue => data(queue),
            scheduled => data(scheduled),
            runs => data(runs),
            imports => data(imports),
            uncertain => data(uncertain),
            mails => data(mails),
            numbers => data(numbers),
            status => data(status),
            live => true,
        },
    ))
}
