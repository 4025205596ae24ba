//! `boarding why`: the chain of events that led to the outcome of a row or of a person.

use clap::Args;
use serde_json::{Value, json};

use super::failure::{CliResult, Done, Failure};
use super::fields::text;
use super::latest;
use super::session::Session;

/// The width of the steps in the text: that of the longest one.
const STEP_WIDTH: usize = "import_accepted".len();

/// Explains the outcome of a row of a file, or of a person in a run, step by step
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding why --import latest --row 3 --company acme
  boarding why --run latest --user janeuser115 --company acme
  boarding why --run latest --user janeuser115 --json --company acme")]
pub(super) struct Why {
    /// The import of the file: its id, or `latest`
    #[arg(
        long,
        value_name = "ID",
        requires = "row",
        required_unless_present = "run",
        conflicts_with_all = ["run", "user"]
    )]
    import: Option<String>,
    /// The number of the row, from 1, as `imports rows` lists it
    #[arg(long, value_name = "N", requires = "import", conflicts_with_all = ["run", "user"],
        value_parser = clap::value_parser!(u64).range(1..))]
    row: Option<u64>,
    /// The run: its id, or `latest`
    #[arg(long, value_name = "ID", requires = "user")]
    run: Option<String>,
    /// The person's key: user name, login or LAN ID
    #[arg(long, value_name = "KEY", requires = "run")]
    user: Option<String>,
}

impl Why {
    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        let out = session.out;
        let steps = self.steps(session).await?;
        for step in &steps {
            if out.is_json() {
                out.document(step);
            } else {
                let [at, name, says] = ["at", "step", "says"].map(|field| text(step, field));
                out.line(&format!("{at}  {name:STEP_WIDTH$}  {says}"));
            }
        }
        Ok(Done::Completely)
    }

    /// The rows of the query `why`.
    async fn steps(self, session: &Session<'_>) -> Result<Vec<Value>, Failure> {
        let params = match (self.import, self.run) {
            (Some(import), _) => {
                json!({"import": latest::import(session, import).await?, "row": self.row})
            }
            (None, run) => {
                let run = latest::run(session, run.unwrap_or_default()).await?;
                json!({"run": run, "user": self.user})
            }
        };
        let mut answer = session.answer("why", params).await?;
        match answer.get_mut("rows").map(Value::take) {
            Some(Value::Array(steps)) => Ok(steps),
            _ => Ok(Vec::new()),
        }
    }
}
