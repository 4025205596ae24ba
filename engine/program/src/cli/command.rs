//! `boarding command`: sends any command of the contract.

use boarding_commands::envelope::{Envelope, RequestValue};
use boarding_commands::values::Code;
use clap::Args;
use serde_json::{Value, json};

use super::exit_counts;
use super::failure::{CliResult, Done, Failure};
use super::import;
use super::input::standard_input;
use super::list;
use super::run_report;
use super::runs_ahead;
use super::session::{Accepted, Session};
use super::watch;

/// Sends any command of the contract by its name
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding command ArchiveUser '{\"user\":\"janeuser115\"}' --company acme
  boarding command DefineOrgUnit '{\"org_unit\":\"Sales\",\"level\":\"team\"}' --company acme
  boarding command StartBulkIntegration - --company acme < envelope.json")]
pub(super) struct Command {
    /// The command's name, for example ArchiveUser
    name: String,
    /// The body, or an envelope with `id` and `body`; - reads it from the standard input
    #[arg(value_name = "JSON | -")]
    body: Option<String>,
}

impl Command {
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self.body.as_deref() {
            None | Some("-") => Ok(()),
            Some(text) => parse(text).map(drop),
        }
    }

    /// Whether the command may start a run.
    pub(super) fn carries_runs(&self) -> bool {
        ["StartBulkIntegration", "ResendInvitation", "ImportFile"].contains(&self.name.as_str())
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        let value = match self.body.as_deref() {
            None => json!({}),
            Some("-") => parse(&standard_input()?)?,
            Some(text) => parse(text)?,
        };
        let is_envelope = value.get("id").is_some() && value.get("body").is_some();
        let accepted = if is_envelope {
            session.submit_envelope(&self.name, Envelope::read(value)?).await?
        } else {
            session.submit(&self.name, value).await?
        };
        // The run of a preview does not exist.
        let is_preview = accepted.result.get("plan_hash").is_some();
        match self.name.as_str() {
            _ if is_preview => {}
            "ImportFile" => drop(import::wait(session, &accepted).await?),
            _ if self.carries_runs() => runs_ahead::carry(session).await,
            _ => {}
        }
        let run = match accepted.result.get("run").and_then(Value::as_str) {
            Some(run) if self.carries_runs() && !is_preview => {
                Some(watch::run(session, run).await?)
            }
            _ => None,
        };
        session.settle().await?;
        if session.out.is_json() {
            session.out.document(&accepted.document);
            if let Some(row) = &run {
                session.out.remark(&run_report::summary(row));
            }
        } else {
            self.print(session, &accepted, run.as_ref()).await?;
        }
        if is_preview {
            return Ok(Done::Completely);
        }
        Ok(Done::with_failures(exit_counts::of(session, &self.name, &accepted.result).await?))
    }
}

impl Command {
    /// Prints the answer. A run is printed as it ended, because the answer has its state at the start.
    async fn print(
        &self,
        session: &Session<'_>,
        accepted: &Accepted,
        run: Option<&Value>,
    ) -> Result<(), Failure> {
        session.out.line(&format!("accepted: {}", list::receipt(accepted)));
        let only_run = run.is_some() && self.name != "ImportFile";
        if !only_run && accepted.result.as_object().is_some_and(|result| !result.is_empty()) {
            session.out.fields(&accepted.result);
        }
        match run {
            Some(row) => run_report::print(session, row, Some(run_report::SHOWN_PEOPLE)).await,
            None => Ok(()),
        }
    }
}

fn parse(text: &str) -> Result<Value, Failure> {
    let read: RequestValue = serde_json::from_str(text)
        .map_err(|error| Failure::Usage(format!("the body is not JSON: {error}")))?;
    Ok(read.checked(Code::EnvelopeMalformed)?)
}
