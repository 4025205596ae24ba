//! The newest events of the company.

use axum::response::Response;
use boarding_core::queries::QueryFailure;
use minijinja::context;
use serde_json::{Value as Json, json};

use super::render::data;
use super::values;
use super::visit::Visit;
use crate::limits::CONSOLE_ROWS_MAX;

pub(super) async fn show(visit: Visit) -> Response {
    visit.answered(page(&visit).await)
}

/// The events up to a version, the newest first. The address names the version for an older page.
async fn page(visit: &Visit) -> Result<Response, QueryFailure> {
    let status = visit.query("company_status", json!({})).await?;
    let newest = status.pointer("/row/version").and_then(Json::as_u64).unwrap_or_default();
    let last = visit.fields.get("to").parse().unwrap_or(newest).min(newest);
    let rows = CONSOLE_ROWS_MAX as u64;
    let first = last.saturating_sub(rows - 1).max(1);
    let params = json!({"cursor": first.to_string(), "limit": rows.min(last.max(1))});
    let history = visit.query("history", params).await?;
    let events = history.get("rows").and_then(Json::as_array).into_iter().flatten();
    let version = |event: &&Json| event.get("version").and_then(Json::as_u64) <= Some(last);
    let events = values::events(events.filter(version).rev());
    let older = (first > 1).then(|| visit.with("to", &(first - 1).to_string()));
    let start = (last < newest).then(|| visit.with("to", ""));
    Ok(visit.page(
        "history.html",
        context! {
            title => visit.texts.get("history_title"),
            events => data(events),
            pager => context! { first => start, next => older },
            live => last == newest,
        },
    ))
}
