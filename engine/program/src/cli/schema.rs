//! `boarding schema`: prints the machine-readable contract, or one part of it.

use clap::Args;
use serde_json::Value;

use super::failure::{CliResult, Done, Failure};
use super::output::Out;
use boarding_commands::values::nearest;
use boarding_nats::schema;

/// Prints the contract: JSON Schema of commands, queries and events, AsyncAPI of the NATS subjects, OpenAPI of the
/// paths over HTTP
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding schema > boarding.schema.json          all commands, queries, answers and events
  boarding schema ImportFile                      the body of one command
  boarding schema event.InviteSent                one published event
  boarding schema query.runs.answer               the answer of a query; query.runs has its parameters
  boarding schema asyncapi > asyncapi.json        all NATS subjects with messages and headers
  boarding schema asyncapi ImportFile             the subjects of one command
  boarding schema openapi > openapi.json          all paths over HTTP with parameters, bodies and answers")]
pub(super) struct Schema {
    /// json (JSON Schema 2020-12), asyncapi (AsyncAPI 3.0) or openapi (OpenAPI 3.1) [default: json]
    #[arg(value_name = "json | asyncapi | openapi")]
    first: Option<String>,
    /// The part to print: a command, query.NAME, event.NAME, or another name of the document
    #[arg(value_name = "NAME")]
    second: Option<String>,
}

impl Schema {
    pub(super) fn run(self, out: &Out) -> CliResult {
        let (document, name) = match (self.first.as_deref(), self.second) {
            (None | Some("json"), name) => (schema::json_schema(), name),
            (Some("asyncapi"), name) => (schema::asyncapi(), name),
            (Some("openapi"), None) => (schema::openapi(), None),
            (Some("openapi"), Some(_)) => {
                let text = "the OpenAPI document is printed as a whole; leave out the name";
                return Err(Failure::Usage(text.to_owned()));
            }
            (Some(name), None) => (schema::json_schema(), Some(name.to_owned())),
            (Some(form), Some(_)) => {
                let text = format!(
                    "the schema is printed as json or asyncapi, or whole as openapi, not {form}"
                );
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
        Ok(Done::Completely)
    }
}

fn pretty(document: &Value) -> String {
    format!("{document:#}")
}

fn unknown(document: &Value, name: &str) -> Failure {
    let hint = match nearest(name, schema::names(document)) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => "show the names of parts: boarding schema --help".to_owned(),
    };
    Failure::Usage(format!("the schema has no part {name}; {hint}"))
}
