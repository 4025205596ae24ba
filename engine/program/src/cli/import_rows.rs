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
    matching(session, params, |row| text(row, "phone").starts_with(outcome)).await
}

/// Whether the row archived its user. The contract calls its outcome `deactivated`.
pub(super) fn is_archived(row: &Value) -> bool {
    row.get("archived") == Some(&Value::Bool(true))
}

/// The rows for which this is true.
pub(super) async fn matching(
    session: &Session<'_>,
    params: Value,
    matches: impl Fn(&Value) -> bool,
) -> Result<Vec<Value>, Failure> {
    let mut found = Vec::new();
    session
        .pages("import_rows", params, None, |rows| found.extend(rows.into_iter().filter(&matches)))
        .await?;
    Ok(found)
}
