//! Who may do what: permissions, access tokens, and the settings of the company.

use axum::response::Response;
use boarding_core::queries::QueryFailure;
use minijinja::context;
use serde_json::{Value as Json, json};

use super::render::data;
use super::values::flat;
use super::visit::Visit;
use crate::limits::CONSOLE_ROWS_MAX;

/// The cursor of the tokens in the address: the page has two lists.
const TOKENS_CURSOR: &str = "tokens_cursor";

pub(super) async fn show(visit: Visit) -> Response {
    visit.answered(page(&visit).await)
}

async fn page(visit: &Visit) -> Result<Response, QueryFailure> {
    let permissions = visit.list("permissions", json!({})).await?;
    let cursor = visit.fields.get(TOKENS_CURSOR);
    let tokens = json!({"limit": CONSOLE_ROWS_MAX, "cursor": cursor});
    let tokens = visit.query("tokens", tokens).await?;
    Ok(visit.page(
        "access.html",
        context! {
            title => visit.texts.get("access_title"),
            permissions_pager => visit.pager(&permissions),
            tokens_pager => visit.pager_by(TOKENS_CURSOR, &tokens),
            permissions => data(permissions),
            tokens => data(tokens),
            now => visit.state.engine.clock().now().to_string(),
            own => visit.caller.token.to_string(),
        },
    ))
}

pub(super) async fn settings(visit: Visit) -> Response {
    visit.answered(settings_page(&visit).await)
}

async fn settings_page(visit: &Visit) -> Result<Response, QueryFailure> {
    let config = visit.query("config", json!({})).await?;
    let settings = flat(config.get("row").unwrap_or(&Json::Null), ".");
    Ok(visit.page(
        "settings.html",
        context! {
            title => visit.texts.get("settings_title"),
            settings => data(settings),
        },
    ))
}
