//! `boarding schema`: the contract in machine-readable form, whole or one part of it.

use clap::Args;
use serde_json::Value;

use super::did_you_mean::nearest;
use super::failure::{Done, Ending, Failure};
use super::output::Out;
use boarding_nats::schema;

/// The contract for machines: JSON Schema of commands, queries and events, AsyncAPI of the NATS subjects
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding schema > boarding.schema.json          every command, query, answer and event
  boarding schema ImportFile                      the body of one command, with all it refers to
  boarding schema event.InviteSent                one event as it is published
  boarding schema query.runs.answer               what a query answers; query.runs is what it takes
  boarding schema asyncapi > asyncapi.json        every NATS subject, its messages and headers
  boarding schema asyncapi ImportFile             one of them")]
pub(super) struct Schema {
    /// json (JSON Schema 2020-12, unless given) or asyncapi (AsyncAPI 3.0)
    #[arg(value_name = "json | asyncapi")]
    first: Option<String>,
    /// One part: a command, query.NAME, event.NAME, or another name of the document
    #[arg(value_name = "NAME")]
    second: Option<String>,
}

impl Schema {
    pub(super) fn run(self, out: &Out) -> Ending {
        let (document, name) = match (self.first.as_deref(), self.second) {
            (None | Some("json"), name) => (schema::json_schema(), name),
            (Some("asyncapi"), name) => (schema::asyncapi(), name),
            (Some(name), None) => (schema::json_schema(), Some(name.to_owned())),
            (Some(form), Some(_)) => {
                let text = format!("a schema is given as json or asyncapi, not {form}");
                return Err(Failure::Usage(text));
            }
        };
        let shown = match name {
            None => document,
            Some(name) => {
                schema::part(&document, &name).ok_or_else(|| unknown(&document, &name))?
            }
        };
        if out.is_json() {
            out.document(&shown);
        } else {
            out.line(&pretty(&shown));
        }
        Ok(Done::Well)
    }
}

fn pretty(document: &Value) -> String {
    format!("{document:#}")
}

fn unknown(document: &Value, name: &str) -> Failure {
    let hint = match nearest(name, schema::names(document)) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => "boarding schema --help shows how parts are named".to_owned(),
    };
    Failure::Usage(format!("the schema has no part {name}; {hint}"))
}
