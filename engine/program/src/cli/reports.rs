//! `boarding reports`: the Batch Operation Reports of imported accounts.

use clap::{Args, Subcommand};
use serde_json::json;

use super::columns::{REPORT, REPORTS};
use super::failure::{CliResult, Failure};
use super::latest;
use super::list::{self, CsvExport, Limit};
use super::session::Session;

/// Lists the Batch Operation Reports, or the accounts of one report with their outcomes
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding reports --company acme
  boarding reports --spreadsheet -o batches.csv --company acme
  boarding reports --organization EMEA --company acme
  boarding reports show latest --company acme
  boarding reports show latest --invitation invitation_failed --company acme
  boarding reports show 01JD0000000000000000000000 --csv -o report.csv --company acme

SUCCESS counts the rows that created an account, FAILED the other rows. INVITED, NOT INVITED and INVITATION FAILED count
the accounts of the run that followed.")]
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
        /// Only accounts with this invitation: invited, not_invited, invitation_failed
        #[arg(long, value_name = "INVITATION")]
        invitation: Option<String>,
        #[command(flatten)]
        limit: Limit,
        #[command(flatten)]
        export: CsvExport,
    },
}

#[derive(Debug, Default, PartialEq, Args)]
struct List {
    /// Only reports of this organization, by its exact name
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
    /// Only reports of this permission group, by its exact name
    #[arg(long, value_name = "NAME")]
    permission_group: Option<String>,
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
        match self.verb.unwrap_or(Verb::List(self.list)) {
            Verb::List(List { organization, permission_group, limit, export }) => {
                let params =
                    json!({"organization": organization, "permission_group": permission_group});
                let query = "batch_operation_reports";
                list::show_or_write(session, query, params, limit, REPORTS, &export).await
            }
            Verb::Show { id, invitation, limit, export } => {
                let id = latest::report(session, id).await?;
                let params = json!({"import": id, "invitation": invitation});
                let query = "batch_operation_report";
                list::show_or_write(session, query, params, limit, REPORT, &export).await
            }
        }
    }
}
