//! The contract in machine-readable form, made from the types that are read and written: JSON Schema and AsyncAPI.
//!
//! Names of parts: `ImportFile` (a command's body), `ImportFile.result`, `ImportFile.answer`; `command` (the
//! envelope), `answer.accepted`, `answer.refused`, `answer.failed`; `query.runs` (its parameters),
//! `query.runs.row`, `query.runs.answer`; `event.InviteSent` (as published); `work`. What several of them
//! share is `asked.…` as it is read and `told.…` as it is written.

use serde_json::{Map, Value, json};

mod aliases;
mod asyncapi;
mod definitions;
mod part;
mod plain;

pub use asyncapi::asyncapi;
pub use part::{names, part};

/// The dialect of JSON Schema that is used.
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
