//! `template`: what an operator fills in, a dialect's header and an example row.

use boarding_commands::code::{Code, Refusal};
use boarding_commands::dialect;
use boarding_commands::id::CompanyId;
use boarding_commands::settings::Settings;
use boarding_projections::config;
use boarding_projections::rows::Rows;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Answer, NoAnswer, unavailable};

/// A file to fill in: its name and its text.
#[derive(Serialize, JsonSchema)]
pub(super) struct Template {
    dialect: &'static str,
    file_name: String,
    text: String,
}

/// Answers the query.
pub(super) fn template(
    company: &CompanyId,
    params: &Value,
    rows: &dyn Rows,
    position: u64,
) -> Result<Answer, NoAnswer> {
    let name = params.get("dialect").and_then(Value::as_str).unwrap_or_default();
    let settings = config::settings(rows, company).map_err(|error| unavailable(&error))?;
    let row = template_row(name, &settings)?;
    Ok(Answer::Json(json!({"position": position, "row": row})))
}

/// What an operator of a company with these settings fills in: the dialect's header and an example row.
///
/// # Errors
/// `import.unknown_dialect`, with those that are known.
pub(crate) fn template_row(name: &str, settings: &Settings) -> Result<Value, Refusal> {
    let dialect = dialect::find(name).ok_or_else(|| {
        let known: Vec<_> = dialect::ALL.iter().map(|dialect| dialect.name()).collect();
        Refusal::new(Code::ImportUnknownDialect).with(json!({"known": known}))
    })?;
    let file_name = format!("{name}.csv");
    Ok(json!(Template { dialect: dialect.name(), file_name, text: dialect.template_for(settings) }))
}
