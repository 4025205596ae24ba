//! The parameters and answers of all queries, for JSON Schema and AsyncAPI.

use boarding_commands::values::Refusal;
use boarding_projections::history::PublishedEvent;
use boarding_projections::query::{DEFAULT_LIMIT_ROWS, MAX_LIMIT_ROWS, Param};
use schemars::{JsonSchema as _, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::malformed;
use super::template::Template;

/// A query as the contract describes it.
#[derive(Debug, Clone, Copy)]
pub struct QuerySchema {
    pub name: &'static str,
    params: &'static [Param],
    /// Whether the answer has pages.
    paged: bool,
    /// Whether CSV is available too.
    has_csv: bool,
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

/// `run:<id>`, `import:<id>`, `user:<key>`, `phone:<E.164>`.
const ENTITY: &str =
    "^((run|import):[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}|user:.*\\S.*|phone:.*[0-9].*)$";

/// The queries that are not answered from rows.
const OWN: [QuerySchema; 3] = [
    QuerySchema {
        name: "history",
        params: &[Param::pattern("entity", ENTITY)],
        paged: true,
        has_csv: false,
        response: ResponseKind::Rows(PublishedEvent::json_schema),
    },
    QuerySchema {
        name: "failed_rows",
        params: &[Param::id("import").required().aliases(&["import_id"])],
        paged: false,
        has_csv: false,
        response: ResponseKind::Csv,
    },
    QuerySchema {
        name: "template",
        params: &[Param::text("dialect").required(), Param::text("file")],
        paged: false,
        has_csv: false,
        response: ResponseKind::Row(Template::json_schema),
    },
];

/// Rejects unknown parameters of a query that is not answered from rows. They are never ignored.
pub(super) fn check_own(query: &str, params: &Value) -> Result<(), Refusal> {
    let Some(own) = OWN.iter().find(|own| own.name == query) else { return Ok(()) };
    let takes = |name: &str| {
        let of_pages = own.paged && matches!(name, "limit" | "cursor");
        of_pages || own.params.iter().any(|param| param.name == name)
    };
    match params.as_object().into_iter().flat_map(Map::keys).find(|name| !takes(name)) {
        Some(unknown) => Err(malformed(unknown, &format!("{query} takes no such parameter"))),
        None => Ok(()),
    }
}

/// Renames parameters to their primary names. Parameters of an unknown query stay as they are.
///
/// # Errors
/// `query.malformed` if a parameter is given under two names.
pub(super) fn own_names(
    query: &str,
    given: Map<String, Value>,
) -> Result<Map<String, Value>, Refusal> {
    match query_schemas().into_iter().find(|shape| shape.name == query) {
        Some(shape) => Param::replace_aliases(shape.params, given),
        None => Ok(given),
    }
}

/// All queries.
pub fn query_schemas() -> Vec<QuerySchema> {
    let of_rows = boarding_projections::queries().map(|query| QuerySchema {
        name: query.name,
        params: query.params,
        paged: query.paged,
        has_csv: query.csv.is_some(),
        response: if query.paged {
            ResponseKind::Rows(query.row)
        } else {
            ResponseKind::Row(query.row)
        },
    });
    of_rows.chain(OWN).collect()
}

impl QuerySchema {
    /// The schema of its parameters, with those of all queries.
    pub fn parameters(&self, generator: &mut SchemaGenerator) -> Value {
        let mut all = Map::new();
        for param in self.params {
            all.insert(param.name.to_owned(), param.schema(generator).into());
        }
        all.insert(
            "min_position".to_owned(),
            number("Waits until the read model has seen this position, at most 5 s.", 0, None),
        );
        all.insert("as_of".to_owned(), as_of(generator));
        if self.paged {
            let said = format!("How many rows at most; {DEFAULT_LIMIT_ROWS} unless given.");
            all.insert("limit".to_owned(), number(&said, 1, Some(MAX_LIMIT_ROWS)));
            let said = "Where the page begins: the `next` of the page before.";
            all.insert(
                "cursor".to_owned(),
                json!({"type": ["string", "null"], "description": said}),
            );
        }
        if self.has_csv {
            let said = "CSV for a program, or for a spreadsheet with a guard against formulas.";
            let formats = ["json", "csv", "spreadsheet"].map(Value::from);
            let formats: Vec<_> = formats.into_iter().chain([Value::Null]).collect();
            all.insert("format".to_owned(), json!({"enum": formats, "description": said}));
        }
        let required: Vec<_> =
            self.params.iter().filter(|param| param.required).map(|param| param.name).collect();
        json!({"type": "object", "properties": all, "required": required, "additionalProperties": false})
    }

    /// The schema of its answer, with a reference to the schema of its rows.
    pub fn answer(&self, row: &Value) -> Value {
        let position = json!({"type": "integer", "minimum": 0, "description": "The position of the log that the answer stands for."});
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
fn number(said: &str, min: usize, max: Option<usize>) -> Value {
    let mut number = json!({"type": "integer", "minimum": min});
    if let (Some(number), Some(max)) = (number.as_object_mut(), max) {
        number.insert("maximum".to_owned(), max.into());
    }
    let text = json!({"type": "string", "pattern": "^[0-9]+$"});
    json!({"anyOf": [number, text, {"type": "null"}], "description": said})
}

fn as_of(generator: &mut SchemaGenerator) -> Value {
    let position = number("", 0, None);
    let time = boarding_commands::values::Time::json_schema(generator);
    let ways = position.get("anyOf").and_then(Value::as_array).cloned().unwrap_or_default();
    let ways: Vec<_> = ways.into_iter().chain([time.into()]).collect();
    json!({"anyOf": ways, "description": "How it was then: at a position of the log, or at a time."})
}
