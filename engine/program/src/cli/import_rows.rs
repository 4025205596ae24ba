//! Rows of an import, selected by what happened to their phone.

use serde_json::Value;

use super::failure::Failure;
use super::fields::text;
use super::session::Session;

/// The rows whose phone outcome begins with this text, for example `rejected`.
pub(super) async fn by_phone(
    session: &Session<'_>,
    params: Value,
    outcome: &str,
) -> Result<Vec<Value>, Failure> {
    let mut found = Vec::new();
    let matches = |row: &Value| text(row, "phone").starts_with(outcome);
    session
        .pages("import_rows", params, None, |rows| found.extend(rows.into_iter().filter(matches)))
        .await?;
    Ok(found)
}
