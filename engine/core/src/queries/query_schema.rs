//! The parameters and answers of all queries, for JSON Schema and AsyncAPI.

use boarding_projections::query::{DEFAULT_LIMIT_ROWS, MAX_LIMIT_ROWS, Param};
use schemars::{JsonSchema as _, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// A query as the contract describes it.
#[derive(Debug, Clone, Copy)]
pub struct QuerySchema {
    pub name: &'static str,
    pub(super) params: &'static [Param],
    /// Whether the answer has pages.
    pub(super) paged: bool,
    /// Whether CSV is available too.
    pub(super) has_csv: bool,
    pub response: ResponseKind,
}

/// The kind of answer.
#[derive(Debug, Clone, Copy)]
pub enum ResponseKind {
    Rows(fn(&mut SchemaGenerator) -> Schema),
    Row(fn(&mut SchemaGenerator) -> Schema),
    /// A file, in any requested format.
    Csv,
}

impl QuerySchema {
    /// The names of the query's parameters, without the common ones. A required parameter ends in `!`.
    pub fn parameter_names(&self) -> impl Iterator<Item = String> {
        self.params.iter().map(|one| format!("{}{}", one.name, if one.required { "!" } else { "" }))
    }

    /// The schema of its parameters, with those of all queries.
    pub fn parameters(&self, generator: &mut SchemaGenerator) -> Value {
        let mut all = Map::new();
        for param in self.params {
            all.insert(param.name.to_owned(), param.schema(generator).into());
        }
        all.insert(
            "min_position".to_owned(),
            number(
                "Waits until the read models have reached this position, for at most 5 s.",
                0,
                None,
            ),
        );
        all.insert("as_of".to_owned(), as_of(generator));
        if self.paged {
            let description =
                format!("The maximum number of rows; {DEFAULT_LIMIT_ROWS} if it is not given.");
            all.insert("limit".to_owned(), number(&description, 1, Some(MAX_LIMIT_ROWS)));
            let description = "The start of the page: the `next` of the previous page.";
            all.insert(
                "cursor".to_owned(),
                json!({"type": ["string", "null"], "description": description}),
            );
        }
        if self.has_csv {
            let description =
                "CSV for a program, or for a spreadsheet with a guard against formulas.";
            let formats = ["json", "csv", "spreadsheet"].map(Value::from);
            let formats: Vec<_> = formats.into_iter().chain([Value::Null]).collect();
            all.insert("format".to_owned(), json!({"enum": formats, "description": description}));
        }
        let required: Vec<_> =
            self.params.iter().filter(|param| param.required).map(|param| param.name).collect();
        json!({"type": "object", "properties": all, "required": required, "additionalProperties": false})
    }

    /// The schema of its answer, with a reference to the schema of its rows.
    pub fn answer(&self, row: &Value) -> Value {
        let position = json!({"type": "integer", "minimum": 0, "description": "The position of the log that the answer is valid for."});
        match self.response {
            ResponseKind::Csv => json!({"type": "string", "contentMediaType": "text/csv"}),
            ResponseKind::Row(_) => json!({
                "type": "object",
                "properties": {"position": position, "row": row},
                "required": ["position", "row"],
            }),
            ResponseKind::Rows(_) => json!({
                "type": "object",
                "properties": {
                    "position": position,
                    "rows": {"type": "array", "items": row},
                    "next": {"type": ["string", "null"], "description": "The cursor of the next page; null after the last row."},
                },
                "required": ["position", "rows", "next"],
            }),
        }
    }
}

/// A whole number; in a query string it is a text.
fn number(description: &str, min: usize, max: Option<usize>) -> Value {
    let mut number = json!({"type": "integer", "minimum": min});
    if let (Some(number), Some(max)) = (number.as_object_mut(), max) {
        number.insert("maximum".to_owned(), max.into());
    }
    let text = json!({"type": "string", "pattern": "^[0-9]+$"});
    json!({"anyOf": [number, text, {"type": "null"}], "description": description})
}

fn as_of(generator: &mut SchemaGenerator) -> Value {
    let position = number("", 0, None);
    let time = boarding_commands::values::Time::json_schema(generator);
    let ways = position.get("anyOf").and_then(Value::as_array).cloned().unwrap_or_default();
    let ways: Vec<_> = ways.into_iter().chain([time.into()]).collect();
    json!({"anyOf": ways, "description": "Answers with the state at a position of the log, or at a time."})
}
