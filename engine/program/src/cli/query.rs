//! `boarding query`: sends any query of the contract.

use clap::Args;
use serde_json::{Map, Value, json};

use super::failure::{CliResult, Done, Failure};
use super::fields;
use super::output::Out;
use super::session::{Answered, Session};
use super::words;
use boarding_core::queries;

/// Sends any query of the contract by its name, and prints its JSON answer; without a name, lists the queries
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding query
  boarding query phone_list search=hanoi limit=500 --company acme
  boarding query org_units --company acme
  boarding query integration_log run=latest format=csv --company acme")]
pub(super) struct Query {
    /// The query's name, for example phone_list
    name: Option<String>,
    /// The parameters; a value is JSON, or text if it is not JSON
    #[arg(value_name = "KEY=VALUE")]
    params: Vec<String>,
}

impl Query {
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.params().map(drop)
    }

    fn params(&self) -> Result<Map<String, Value>, Failure> {
        let parse = |text: &String| words::pair(text).map(|(key, text)| (key, parameter(&text)));
        self.params.iter().map(parse).collect()
    }

    /// Lists the queries with their parameters. Needs no data folder.
    pub(super) fn list(out: &Out) -> CliResult {
        for query in queries::query_schemas() {
            let parameters: Vec<_> = query.parameter_names().collect();
            if out.is_json() {
                out.document(&json!({"query": query.name, "parameters": parameters}));
            } else {
                out.line(&format!("{:24} {}", query.name, parameters.join(" ")));
            }
        }
        Ok(Done::Completely)
    }

    pub(super) fn has_name(&self) -> bool {
        self.name.is_some()
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        // Without a name, `list` answers before a data folder is opened. So the name is always present here.
        let name = self.name.as_deref().unwrap_or_default();
        match session.query(name, Value::Object(self.params()?)).await? {
            Answered::Json(answer) => session.out.document(&answer),
            Answered::File(bytes) => session.out.file(&bytes, None)?,
        }
        Ok(Done::Completely)
    }
}

/// Parses the value of a parameter. A number stays text, because a user name or a search text may consist of digits.
/// The engine accepts text for numeric parameters.
fn parameter(text: &str) -> Value {
    match fields::value(text) {
        Value::Number(_) => text.into(),
        value => value,
    }
}
