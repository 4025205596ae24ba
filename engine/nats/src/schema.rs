//! The contract as JSON Schema, AsyncAPI and OpenAPI, generated from the types of the messages.
//!
//! Names of parts:
//! - commands: `command` (the envelope), `ImportFile` (a body), `ImportFile.result`, `ImportFile.answer`,
//! - answers: `answer.accepted`, `answer.refused`, `answer.failed`,
//! - queries: `query.runs` (the parameters), `query.runs.row`, `query.runs.answer`,
//! - events as they are published: `event.InviteSent`,
//! - work items: `work`, `work.text`.
//!
//! Several parts may share a type. Its name begins with `asked.` in what the engine reads, and with `told.` in what the
//! engine writes.

use serde_json::{Map, Value, json};

mod aliases;
mod asyncapi;
mod definitions;
mod openapi;
mod part;
mod plain;

pub use asyncapi::asyncapi;
pub use openapi::openapi;
pub use part::{names, part};

/// The dialect of JSON Schema of all documents.
pub const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Every part of the contract as one document of definitions.
pub fn json_schema() -> Value {
    let definitions = definitions::all();
    let every: Map<_, _> = definitions.into_iter().collect();
    json!({
        "$schema": DIALECT,
        "$id": "urn:boarding:v1",
        "title": "Boarding, version 1",
        "description": ABOUT,
        "$defs": every,
    })
}

const ABOUT: &str = "\
Commands, queries, answers and events of version 1. Keys that are not named are refused where something is \
asked; answers and events may come to have more keys, which a reader leaves alone. `x-known-values` lists the \
words known today of a list that grows. `x-personal` marks what belongs to a person.";
