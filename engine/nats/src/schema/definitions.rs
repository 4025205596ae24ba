//! The parts of the contract, each under its name, from the types that are read and written.

use std::collections::BTreeMap;

use boarding_commands::decide::{self, CommandSchema};
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::event::Event;
use boarding_commands::schema::{DEFINITIONS, asked, told};
use boarding_projections::history::PublishedEvent;
use schemars::{JsonSchema as _, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::plain;
use crate::worker_queue::WorkItem;
use boarding_core::read::queries::{self, ResponseKind};

/// Parts by name.
pub(super) type Parts = BTreeMap<String, Value>;

/// Every part there is. References between them are by `#/$defs/<name>`.
pub(super) fn all() -> Parts {
    let (mut asked, mut told) = (asked(), told());
    let mut parts = Sides::default();
    commands(&mut asked, &mut told, &mut parts);
    queries(&mut asked, &mut told, &mut parts);
    events(&mut told, &mut parts.told);
    parts.told.insert("work".to_owned(), WorkItem::json_schema(&mut told).into());
    let mut all = Parts::new();
    gather(&mut all, parts.asked, &mut asked, "asked");
    gather(&mut all, parts.told, &mut told, "told");
    all.values_mut().for_each(plain::simplify);
    all
}

/// Parts that are read, and parts that are written: what they share is not the same.
#[derive(Default)]
struct Sides {
    asked: Parts,
    told: Parts,
}

fn commands(asked: &mut SchemaGenerator, told: &mut SchemaGenerator, parts: &mut Sides) {
    parts.asked.insert("command".to_owned(), Envelope::json_schema(asked).into());
    outcomes(told, &mut parts.told);
    for CommandSchema { name, body, result } in decide::schemas(asked, told) {
        parts.asked.insert(name.to_owned(), body.into());
        parts.told.insert(format!("{name}.result"), result.into());
        let result = format!("{name}.result");
        parts.told.insert(format!("{name}.answer"), answer(&result));
    }
}

/// What a command may be answered: accepted with a result of its own, refused or failed.
fn answer(result: &str) -> Value {
    let accepted = json!({"allOf": [this("answer.accepted"), {"type": "object", "properties": {"result": this(result)}}]});
    json!({"oneOf": [accepted, this("answer.refused"), this("answer.failed")]})
}

/// A reference to a part, by the whole of its name.
fn this(name: &str) -> Value {
    json!({"$ref": format!("{WHOLE}{name}")})
}

/// What references to parts begin with until all are gathered; shared types have none of it.
const WHOLE: &str = "#whole/";

/// The three answers, each with the word that says which it is.
fn outcomes(told: &mut SchemaGenerator, parts: &mut Parts) {
    let all = Value::from(Answer::json_schema(told));
    for one in all.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        let word = one.pointer("/properties/outcome/const").and_then(Value::as_str);
        let Some(word) = word else { continue };
        parts.insert(format!("answer.{word}"), one.clone());
        if word != "accepted" {
            parts.insert(format!("query.{word}"), without(one, "command"));
        }
    }
}

/// The same object without one of its keys: a query has no id.
fn without(object: &Value, key: &str) -> Value {
    let mut rest = object.clone();
    if let Some(properties) = rest.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove(key);
    }
    if let Some(required) = rest.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name != key);
    }
    rest
}

fn queries(asked: &mut SchemaGenerator, told: &mut SchemaGenerator, parts: &mut Sides) {
    for shape in queries::query_schemas() {
        let name = format!("query.{}", shape.name);
        parts.asked.insert(name.clone(), shape.parameters(asked));
        let row = format!("{name}.row");
        if let ResponseKind::Rows(of) | ResponseKind::Row(of) = shape.response {
            parts.told.insert(row.clone(), of(told).into());
        }
        parts.told.insert(format!("{name}.answer"), shape.answer(&this(&row)));
    }
}

/// Every event as it is published: the same row with a name and fields of its own.
fn events(told: &mut SchemaGenerator, parts: &mut Parts) {
    let published = Value::from(PublishedEvent::json_schema(told));
    let all = Value::from(Event::json_schema(told));
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

/// Adds parts and the types they share, these under names that say which side they are of.
fn gather(all: &mut Parts, parts: Parts, shared: &mut SchemaGenerator, side: &str) {
    let shared: Map<_, _> = shared.take_definitions(true);
    for (name, mut schema) in parts {
        rename(&mut schema, side);
        all.insert(name, schema);
    }
    for (name, mut schema) in shared {
        rename(&mut schema, side);
        all.insert(format!("{side}.{name}"), schema);
    }
}

/// Gives references the names under which things were gathered.
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
