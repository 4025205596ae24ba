//! The corporate phones: the list, and the form that adds one.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use boarding_core::queries::QueryFailure;
use minijinja::context;
use serde_json::json;

use super::render::data;
use super::visit::Visit;
use crate::html::form::Fields;

pub(super) async fn list(visit: Visit) -> Response {
    visit.answered(list_page(&visit, StatusCode::OK, None, &Fields::default()).await)
}

/// The list, with the values and the refusal of a form that was not accepted.
async fn list_page(
    visit: &Visit,
    status: StatusCode,
    refused: Option<&str>,
    given: &Fields,
) -> Result<Response, QueryFailure> {
    let search = visit.fields.get("search");
    let phones = visit.list("phone_list", json!({"search": search})).await?;
    Ok(visit.page_with(
        status,
        "phones.html",
        context! {
            title => visit.texts.get("phones_title"),
            pager => visit.pager(&phones),
            phones => data(phones),
            search => search,
            refused => refused,
            phone => given.get("phone"),
            user => given.get("user"),
            added => visit.fields.get("added"),
            id => visit.new_id(),
        },
    ))
}

/// `POST /console/phones`: adds a phone.
pub(super) async fn add(visit: Visit, request: Request) -> Response {
    let added = match visit.form(request).await {
        Ok(fields) => add_phone(&visit, &fields).await,
        Err(failure) => Err(failure),
    };
    visit.answered(added)
}

async fn add_phone(visit: &Visit, fields: &Fields) -> Result<Response, QueryFailure> {
    let (phone, user) = (fields.get("phone").trim(), fields.get("user").trim());
    let body = json!({"phone": phone, "user": user});
    match visit.command("AddCorporatePhone", fields.get("id"), body).await {
        Ok(accepted) => Ok(visit.go("phones", accepted.position)),
        // The form shows its values again, so that they can be corrected.
        Err(QueryFailure::Refused(refusal)) if refusal.code.status() != 403 => {
            list_page(visit, StatusCode::BAD_REQUEST, Some(&refusal.message), fields).await
        }
        Err(failure) => Err(failure),
    }
}
