//! Undoes an import: what the undo would do, and the undo.

use axum::extract::{Path, Request};
use axum::response::Response;
use boarding_core::queries::QueryFailure;
use minijinja::context;
use serde_json::json;

use super::render::data;
use super::visit::Visit;

const COMMAND: &str = "UndoImport";

/// `GET /console/imports/<import>/undo`: what the undo would do. Changes nothing.
pub(super) async fn confirm(visit: Visit, Path(import): Path<String>) -> Response {
    visit.answered(confirm_page(&visit, &import).await)
}

async fn confirm_page(visit: &Visit, import: &str) -> Result<Response, QueryFailure> {
    let row = visit.query("import", json!({"import": import})).await?;
    let body = json!({"import": import, "mode": "preview"});
    let plan = visit.command(COMMAND, &visit.new_id(), body).await?.result;
    Ok(visit.page(
        "import_undo.html",
        context! {
            title => visit.texts.get("undo_title"),
            import => data(row.get("row")),
            plan => data(plan),
            id => visit.new_id(),
        },
    ))
}

/// `POST /console/imports/<import>/undo`: undoes the import, in the background.
pub(super) async fn begin(visit: Visit, Path(import): Path<String>, request: Request) -> Response {
    let begun = match visit.form(request).await {
        Ok(fields) => {
            let undone = visit.command(COMMAND, fields.get("id"), json!({"import": import})).await;
            undone.map(|accepted| visit.go(&format!("imports/{import}"), accepted.position))
        }
        Err(failure) => Err(failure),
    };
    visit.answered(begun)
}
