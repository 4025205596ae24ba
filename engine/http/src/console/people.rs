//! The list of people, and everything about one person.

use axum::response::Response;
use boarding_core::queries::QueryFailure;
use minijinja::context;
use serde_json::{Value as Json, json};

use super::render::data;
use super::values;
use super::visit::Visit;
use crate::limits::CONSOLE_ROWS_MAX;

pub(super) async fn list(visit: Visit) -> Response {
    visit.answered(list_page(&visit).await)
}

async fn list_page(visit: &Visit) -> Result<Response, QueryFailure> {
    let field = |name: &str| visit.fields.get(name);
    let (search, state, unit) = (field("search"), field("state"), field("org_unit"));
    let params = json!({"search": search, "state": state, "org_unit": unit});
    let users = visit.list("users", params).await?;
    Ok(visit.page(
        "people.html",
        context! {
            title => visit.texts.get("people_title"),
            pager => visit.pager(&users),
            users => data(users),
            search => search,
            state => state,
            org_unit => unit,
        },
    ))
}

pub(super) async fn show(visit: Visit) -> Response {
    visit.answered(person_page(&visit).await)
}

async fn person_page(visit: &Visit) -> Result<Response, QueryFailure> {
    let user = visit.fields.get("user");
    let person = visit.query("user", json!({"user": user})).await?;
    let of_user = json!({"user": user, "limit": CONSOLE_ROWS_MAX});
    let invitations = visit.part("invitations", of_user.clone()).await?;
    let phones = visit.part("phone_list", of_user).await?;
    let entity = format!("user:{user}");
    let cursor = visit.fields.get("cursor");
    let params = json!({"entity": entity, "limit": CONSOLE_ROWS_MAX, "cursor": cursor});
    let history = visit.part("history", params).await?;
    let rows = history.get("rows").and_then(Json::as_array);
    let events = values::events(rows.into_iter().flatten());
    let attributes = values::flat(person.pointer("/row/attributes").unwrap_or(&Json::Null), ".");
    Ok(visit.page(
        "person.html",
        context! {
            title => user,
            attributes => data(attributes),
            person => data(person.get("row")),
            invitations => data(invitations),
            phones => data(phones),
            pager => visit.pager(&history),
            events => data(events),
            shows_history => !history.is_null(),
        },
    ))
}
