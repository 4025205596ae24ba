//! The JSON Schema definitions of the contract, generated from the types.

use std::collections::BTreeMap;

use boarding_commands::decide::{self, CommandSchema};
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::event::Event;
use boarding_commands::schema::{DEFINITIONS, for_answers, for_requests};
use boarding_projections::history::PublishedEvent;
use schemars::{JsonSchema as _, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{aliases, plain};
use crate::text_work::TextItem;
use crate::worker_queue::WorkItem;
use boarding_core::queries::{self, ResponseKind};

/// Definitions by name.
pub(super) type Parts = BTreeMap<String, Value>;

/// All definitions. References between them have the form `#/$defs/<name>`.
pub(super) fn all() -> Parts {
    let (mut input, mut output) = (for_requests(), for_answers());
    let mut parts = Sides::default();
    commands(&mut input, &mut output, &mut parts);
    queries(&mut input, &mut output, &mut parts);
    events(&mut output, &mut parts.output);
    parts.output.insert("work".to_owned(), WorkItem::json_schema(&mut output).into());
    parts.output.insert("work.text".to_owned(), TextItem::json_schema(&mut output).into());
    let mut all = Parts::new();
    gather(&mut all, parts.input, &mut input, "asked", &mut aliases::add);
    gather(&mut all, parts.output, &mut output, "told", &mut |schema| {
        drop(aliases::remove(schema));
    });
    all.values_mut().for_each(plain::simplify);
    all
}

/// Definitions of input and of output. A shared type differs between both sides.
#[derive(Default)]
struct Sides {
    input: Parts,
    output: Parts,
}

fn commands(input: &mut SchemaGenerator, output: &mut SchemaGenerator, parts: &mut Sides) {
    parts.input.insert("command".to_owned(), Envelope::json_schema(input).into());
    outcomes(output, &mut parts.output);
    for CommandSchema { name, body, result } in decide::schemas(input, output) {
        parts.input.insert(name.to_owned(), body.into());
        parts.output.insert(format!("{name}.result"), result.into());
        let result = format!("{name}.result");
        parts.output.insert(format!("{name}.answer"), answer(&result));
    }
}

/// The answers of a command: accepted with the result of the command, refused, or failed.
fn answer(result: &str) -> Value {
    let accepted = json!({"allOf": [this("answer.accepted"), {"type": "object", "properties": {"result": this(result)}}]});
    json!({"oneOf": [accepted, this("answer.refused"), this("answer.failed")]})
}

/// A reference to a definition by its full name.
fn this(name: &str) -> Value {
    json!({"$ref": format!("{WHOLE}{name}")})
}

/// The prefix of references by full name until all definitions are collected.
const WHOLE: &str = "#whole/";

/// The three outcomes of a command, and the two failing outcomes of a query.
fn outcomes(output: &mut SchemaGenerator, parts: &mut Parts) {
    let all = Value::from(Answer::json_schema(output));
    for one in all.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        let word = one.pointer("/properties/outcome/const").and_then(Value::as_str);
        let Some(word) = word else { continue };
        parts.insert(format!("answer.{word}"), one.clone());
        if word != "accepted" {
            parts.insert(format!("query.{word}"), without_id(one));
        }
    }
}

/// A copy of the schema of an answer without the id of a command: a query has none, and neither has a message that
/// cannot be read.
fn without_id(answer: &Value) -> Value {
    let mut rest = answer.clone();
    if let Some(properties) = rest.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("command".to_owned(), json!({"type": "null"}));
    }
    if let Some(required) = rest.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name != "command");
    }
    rest
}

fn queries(input: &mut SchemaGenerator, output: &mut SchemaGenerator, parts: &mut Sides) {
    for shape in queries::query_schemas() {
        let name = format!("query.{}", shape.name);
        parts.input.insert(name.clone(), shape.parameters(input));
        let row = format!("{name}.row");
        if let ResponseKind::Rows(of) | ResponseKind::Row(of) = shape.response {
            parts.output.insert(row.clone(), of(output).into());
        }
        parts.output.insert(format!("{name}.answer"), shape.answer(&this(&row)));
    }
}

/// Every event as it is published: a common envelope with the name and data of the event.
fn events(output: &mut SchemaGenerator, parts: &mut Parts) {
    let published = Value::from(PublishedEvent::json_schema(output));
    let all = Value::from(Event::json_schema(output));
    for one in all.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        let fields = one.get("properties").and_then(Value::as_object);
        let Some((name, data)) = fields.and_then(|fields| fields.iter().next()) else { continue };
        let mut event = published.clone();
        if let Some(properties) = event.get_mut("properties").and_then(Value::as_object_mut) {
            properties.insert("event".to_owned(), json!({"type": "string", "const": name}));
            properties.insert("data".to_owned(), data.clone());
        }
        if let (Some(said), Some(event)) = (one.get("description"), event.as_object_mut()) {
            event.insert("description".to_owned(), said.clone());
        }
        parts.insert(format!("event.{name}"), event);
    }
}

/// Adds definitions and their shared types. The names of shared types say the side.
fn gather(
    all: &mut Parts,
    parts: Parts,
    shared: &mut SchemaGenerator,
    side: &str,
    with: &mut dyn FnMut(&mut Map<String, Value>),
) {
    let shared: Map<_, _> = shared.take_definitions(true);
    let shared = shared.into_iter().map(|(name, schema)| (format!("{side}.{name}"), schema));
    for (name, mut schema) in parts.into_iter().chain(shared) {
        plain::each(&mut schema, with);
        rename(&mut schema, side);
        all.insert(name, schema);
    }
}

/// Replaces references by the final names.
fn rename(schema: &mut Value, side: &str) {
    plain::each(schema, &mut |schema| {
        let Some(Value::String(to)) = schema.get_mut("$ref") else { return };
        if let Some(name) = to.strip_prefix(WHOLE) {
            *to = format!("#{DEFINITIONS}/{name}");
        } else if let Some(name) = to.strip_prefix(&format!("#{DEFINITIONS}/")) {
            *to = format!("#{DEFINITIONS}/{side}.{name}");
        }
    });
}
