//! `boarding reports`: the Batch Operation Reports of imported accounts.

use clap::{Args, Subcommand};
use serde_json::json;

use super::columns::{REPORT, REPORTS};
use super::failure::{CliResult, Failure};
use super::latest;
use super::list::{self, CsvExport, Limit};
use super::session::Session;

/// Lists the Batch Operation Reports, and the accounts of one with their outcomes
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding reports --company acme
  boarding reports --spreadsheet -o batches.csv --company acme
  boarding reports show latest --company acme
  boarding reports show 01JD0000000000000000000000 --csv -o report.csv --company acme")]
pub(super) struct Reports {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists the reports, the newest first
    List(List),
    /// Lists the accounts of a report with their outcomes
    Show {
        /// The import's id, or `latest`
        id: String,
        #[command(flatten)]
        list: List,
    },
}

#[derive(Debug, Default, PartialEq, Args)]
struct List {
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    export: CsvExport,
}

impl Reports {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.list)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        let (query, params, list, columns) = match self.verb.unwrap_or(Verb::List(self.list)) {
            Verb::List(list) => ("batch_operation_reports", json!({}), list, REPORTS),
            Verb::Show { id, list } => {
                let id = latest::report(session, id).await?;
                ("batch_operation_report", json!({"import": id}), list, REPORT)
            }
        };
        list::show_or_write(session, query, params, list.limit, columns, &list.export).await
    }
}
