//! `boarding query`: sends any query of the contract.

use clap::Args;
use serde_json::{Map, Value};

use super::failure::{CliResult, Done, Failure};
use super::fields;
use super::session::Session;
use super::words;
use boarding_core::queries::QueryAnswer;

/// Sends any query of the contract by its name, and prints its JSON answer
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding query phone_list search=hanoi limit=500 --company acme
  boarding query org_units --company acme
  boarding query integration_log run=01JD0000000000000000000000 format=csv --company acme")]
pub(super) struct Query {
    /// The query's name, for example phone_list
    name: String,
    /// The parameters; a value is JSON, or text if it is not JSON
    #[arg(value_name = "KEY=VALUE")]
    params: Vec<String>,
}

impl Query {
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.params().map(drop)
    }

    fn params(&self) -> Result<Map<String, Value>, Failure> {
        let read = |text: &String| words::pair(text).map(|(key, text)| (key, parameter(&text)));
        self.params.iter().map(read).collect()
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        match session.query(&self.name, Value::Object(self.params()?)).await? {
            QueryAnswer::Json(answer) => session.out.document(&answer),
            QueryAnswer::Csv(bytes) => session.out.file(&bytes, None)?,
        }
        Ok(Done::Completely)
    }
}

/// The value of a parameter. Numbers stay text: a user name or a search text may consist of digits, and the engine
/// accepts text for numeric parameters.
fn parameter(text: &str) -> Value {
    match fields::value(text) {
        Value::Number(_) => text.into(),
        value => value,
    }
}
