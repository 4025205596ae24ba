//! The list of imports, and an import with its rows.

use axum::extract::Path;
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
    let imports = visit.list("imports", json!({})).await?;
    Ok(visit.page(
        "imports.html",
        context! {
            title => visit.texts.get("imports_title"),
            pager => visit.pager(&imports),
            imports => data(imports),
        },
    ))
}

pub(super) async fn show(visit: Visit, Path(import): Path<String>) -> Response {
    visit.answered(import_page(&visit, &import).await)
}

async fn import_page(visit: &Visit, import: &str) -> Result<Response, QueryFailure> {
    let answer = visit.query("import", json!({"import": import})).await?;
    let row = answer.get("row").cloned().unwrap_or_default();
    let field = |name: &str| visit.fields.get(name);
    let (outcome, with, undo) = (field("outcome"), field("with"), field("undo"));
    let params = json!({"import": import, "outcome": outcome, "with": with, "undo": undo});
    let rows = visit.list("import_rows", params).await?;
    let is_open = row.get("state").and_then(Json::as_str) == Some("processing");
    let progress = match is_open {
        true => visit.part("import_progress", json!({"import": import})).await?,
        false => Json::Null,
    };
    Ok(visit.page(
        "import.html",
        context! {
            title => visit.texts.get("import_title"),
            import => data(&row),
            progress => data(progress),
            pager => visit.pager(&rows),
            rows => data(rows.get("rows")),
            outcome => outcome,
            with => with,
            // An undo goes on in the background.
            live => is_open || row.get("undo").is_some_and(Json::is_object),
        },
    ))
}
