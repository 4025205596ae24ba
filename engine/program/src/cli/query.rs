//! `boarding query`: any query by its contract name.

use clap::Args;
use serde_json::{Map, Value};

use super::failure::{Done, Ending, Failure};
use super::list;
use super::session::Session;
use boarding_core::read::queries::QueryAnswer;

/// Asks any query by its contract name; answers in JSON
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding query phone_list search=hanoi limit=500 --company acme
  boarding query org_units --company acme
  boarding query integration_log run=01JD0000000000000000000000 format=csv --company acme")]
pub(super) struct Query {
    /// Its name, e.g. phone_list
    name: String,
    /// Its parameters: values are JSON if they read so, and text if not
    #[arg(value_name = "KEY=VALUE")]
    params: Vec<String>,
}

impl Query {
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.params().map(drop)
    }

    fn params(&self) -> Result<Map<String, Value>, Failure> {
        let read = |text: &String| list::pair(text).map(|(key, text)| (key, parameter(&text)));
        self.params.iter().map(read).collect()
    }

    pub(super) async fn run(self, session: &Session<'_>) -> Ending {
        match session.ask(&self.name, Value::Object(self.params()?)).await? {
            QueryAnswer::Json(answer) => session.out.document(&answer),
            QueryAnswer::Csv(bytes) => session.out.file(&bytes, None)?,
        }
        Ok(Done::Well)
    }
}

/// JSON if it reads so; but a number stays as it was typed, since a user's key or a search may be all
/// digits, and parameters that are numbers are taken as text too.
fn parameter(text: &str) -> Value {
    match list::value(text) {
        Value::Number(_) => text.into(),
        value => value,
    }
}
