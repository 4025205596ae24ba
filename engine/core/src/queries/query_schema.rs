//! The parameters and answers of all queries, for JSON Schema and AsyncAPI.

use boarding_commands::schema::{ALIASES, exactly_one_of};
use boarding_commands::values::Refusal;
use boarding_projections::query::{DEFAULT_LIMIT_ROWS, MAX_LIMIT_ROWS, Param};
use schemars::{JsonSchema as _, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::failure::malformed;

/// A query as the contract describes it.
#[derive(Debug, Clone, Copy)]
pub struct QuerySchema {
    pub name: &'static str,
    pub(super) params: &'static [Param],
    /// Groups of parameters, of which a request has exactly one with all its parameters. Empty for most queries.
    pub(super) one_of: &'static [&'static [&'static str]],
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
            // A parameter of a group has a value wherever it is given.
            let is_in_group = self.one_of.iter().any(|group| group.contains(&param.name));
            let param = if is_in_group { param.required() } else { *param };
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
        for param in self.params.iter().filter(|param| !param.other_names().is_empty()) {
            if let Some(Value::Object(schema)) = all.get_mut(param.name) {
                schema.insert(ALIASES.to_owned(), json!(param.other_names()));
            }
        }
        let required: Vec<_> =
            self.params.iter().filter(|param| param.required).map(|param| param.name).collect();
        let schema = json_schema!({"type": "object", "properties": all, "required": required, "additionalProperties": false});
        self.with_groups(schema).into()
    }

    /// Checks that the parameters are those of one group, and all of them. Null counts as not given.
    ///
    /// # Errors
    /// `query.malformed` names a parameter that is missing, or that belongs to another group.
    pub(super) fn check_groups(&self, params: &Value) -> Result<(), Refusal> {
        let is_given = |name: &&&str| params.get(**name).is_some_and(|value| !value.is_null());
        let is_named = |group: &&&[&str]| group.iter().any(|name| is_given(&name));
        let groups: Vec<_> = self.one_of.iter().map(|group| group.join(" and ")).collect();
        let expected = format!("expected {}", groups.join(", or "));
        let mut named = self.one_of.iter().filter(is_named);
        let Some(group) = named.next().or_else(|| self.one_of.first()) else { return Ok(()) };
        let other = named.flat_map(|other| other.iter()).find(is_given);
        match (other, group.iter().find(|name| !is_given(name))) {
            (Some(other), _) => Err(malformed(other, &format!("{expected}, and not both"))),
            (None, Some(missing)) => Err(malformed(missing, &expected)),
            (None, None) => Ok(()),
        }
    }

    fn with_groups(&self, mut schema: Schema) -> Schema {
        if !self.one_of.is_empty() {
            exactly_one_of(&mut schema, self.one_of);
        }
        schema
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
