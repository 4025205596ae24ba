//! The query `template`: the header of a dialect and an example row.

use boarding_commands::dialect;
use boarding_commands::settings::Settings;
use boarding_commands::values::Refusal;
use boarding_projections::query::{Access, AnswerRow, Param};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::engine_query::{EngineQuery, EngineQueryRequest};
use super::failure::{JsonAnswer, QueryAnswer, QueryFailure, malformed, unavailable};
use super::query_schema::{QuerySchema, ResponseKind};

/// A template file: its name and text.
#[derive(Serialize, JsonSchema)]
struct Template {
    dialect: &'static str,
    file_name: String,
    text: String,
}

pub(super) const QUERY: EngineQuery = EngineQuery {
    schema: QuerySchema {
        name: "template",
        params: &[Param::text("dialect").required(), Param::text("file")],
        one_of: &[],
        paged: false,
        has_csv: false,
        response: ResponseKind::Row(Template::json_schema),
    },
    access: |_| Ok(Access::Everyone),
    answer: template,
};

/// Answers the query.
fn template(request: &EngineQueryRequest<'_>) -> Result<QueryAnswer, QueryFailure> {
    let EngineQueryRequest { company, params, rows, position, .. } = *request;
    let text = |name: &str| match params.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(malformed(name, "expected a text")),
    };
    let (name, file) = (text("dialect")?.unwrap_or_default(), text("file")?);
    let settings =
        boarding_projections::settings(rows, company).map_err(|error| unavailable(&error))?;
    let row = template_row(name, file, &settings)?;
    Ok(QueryAnswer::Json(JsonAnswer::row(position, &AnswerRow::of(&row))))
}

/// The template of a dialect for a company with these settings. With `file`, the template of that file of the dialect.
///
/// # Errors
/// `import.unknown_dialect` or `query.malformed`, with the known names.
pub fn template_row(name: &str, file: Option<&str>, settings: &Settings) -> Result<Value, Refusal> {
    let dialect = dialect::known(name)?;
    let parts = dialect.format().parts;
    let part = match file {
        None => parts.first(),
        Some(file) => {
            let known: Vec<_> = parts.iter().map(|part| part.name).collect();
            let words = format!("this dialect's are {}", known.join(", "));
            let details = || json!({"parameter": "file", "known": known});
            let part = parts.iter().find(|part| part.name == file);
            Some(part.ok_or_else(|| malformed("file", &words).with(details()))?)
        }
    };
    let file_name = format!("{}.csv", part.map_or(name, |part| part.name));
    let text = match part {
        Some(part) if !part.header.is_empty() => format!("{}\r\n", part.header.join(",")),
        _ => dialect.template_for(settings),
    };
    Ok(json!(Template { dialect: dialect.name(), file_name, text }))
}
