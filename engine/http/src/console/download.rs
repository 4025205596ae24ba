//! `GET /console/download/<query>`: the CSV file of a query.

use axum::extract::Path;
use axum::response::Response;
use boarding_commands::values::{Code, Refusal};
use boarding_core::queries::QueryAnswer;
use boarding_core::serving::wire::{Encoding, WireResponse};
use serde_json::{Map, Value};

use super::visit::Visit;
use crate::response;

/// The queries whose answers the pages link to as files.
const QUERIES: [&str; 6] =
    ["integration_log", "import_rows", "failed_rows", "phone_list", "users", "runs"];

pub(super) async fn get(visit: Visit, Path(name): Path<String>) -> Response {
    if !QUERIES.contains(&name.as_str()) {
        return visit.answered(Err(Refusal::new(Code::HttpUnknownPath).into()));
    }
    let named = visit.fields.iter().filter(|(field, _)| *field != "after");
    let mut params: Map<String, Value> =
        named.map(|(field, value)| (field.to_owned(), value.into())).collect();
    // Pages link to files only, with or without the guard of formulas.
    if params.get("format").and_then(Value::as_str) != Some("spreadsheet") {
        params.insert("format".to_owned(), "csv".into());
    }
    match visit.answer(&name, Value::Object(params)).await {
        Ok(answer @ QueryAnswer::Csv(_)) => {
            let file = response::of(WireResponse::of_query(Encoding::Json, Ok(answer)));
            response::as_file(file, &format!("{name}.csv"))
        }
        Ok(QueryAnswer::Json(_)) => visit.answered(Err(Refusal::new(Code::HttpUnknownPath).into())),
        Err(failure) => visit.answered(Err(failure)),
    }
}
