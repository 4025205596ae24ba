//! `boarding reports`: the Batch Operation Reports of uploaded accounts (ML-12, ML-13).

use boarding_commands::values::{Code, Refusal};
use clap::{Args, Subcommand};
use serde_json::json;

use super::columns::{REPORT, REPORTS};
use super::failure::{Ending, Failure};
use super::list::{self, Limit, Sheet, text};
use super::session::Session;

/// Batch Operation Reports: every finished batch of accounts, and what became of each account
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
    /// Shows all finished batches, the newest first
    List(List),
    /// Shows what became of each account of one
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
    sheet: Sheet,
}

impl Reports {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.list)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> Ending {
        let (query, params, list, columns) = match self.verb.unwrap_or(Verb::List(self.list)) {
            Verb::List(list) => ("batch_operation_reports", json!({}), list, REPORTS),
            Verb::Show { id, list } => {
                let id = resolve(session, id).await?;
                ("batch_operation_report", json!({"import": id}), list, REPORT)
            }
        };
        list::show_or_write(session, query, params, list.limit, columns, &list.sheet).await
    }
}

/// `latest` as the id of the newest batch; anything else as it is.
async fn resolve(session: &Session<'_>, id: String) -> Result<String, Failure> {
    if id != "latest" {
        return Ok(id);
    }
    let newest = session.rows("batch_operation_reports", json!({}), Some(1)).await?;
    let none = || Failure::from(Refusal::new(Code::ImportNoneAvailable));
    newest.first().map(|row| text(row, "import").to_owned()).ok_or_else(none)
}
