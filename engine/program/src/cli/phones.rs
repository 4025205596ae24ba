//! `boarding phones`: the corporate phone list with its link states.

use clap::{Args, Subcommand};
use serde_json::json;

use super::columns;
use super::failure::{CliResult, Failure};
use super::list::{self, CsvExport, Limit};
use super::session::Session;

/// Lists and changes the corporate phone list, with the link state of each phone
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding phones --company acme
  boarding phones list --search hudson --company acme
  boarding phones add +84923448071 janeuser115 --company acme
  boarding phones remove +84923448071 --company acme")]
pub(super) struct Phones {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists the phones
    List(List),
    /// Adds a phone of a user to the list
    Add {
        /// The phone, with its country code
        phone: String,
        /// The user name
        user: String,
    },
    /// Removes a phone from the list
    Remove {
        /// The phone, with its country code
        phone: String,
    },
}

#[derive(Debug, Default, PartialEq, Args)]
struct List {
    /// Only phones with this text in the phone, the user name or the name
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only phones that this import added: `latest`, or its id
    #[arg(long, value_name = "latest|ID")]
    import: Option<String>,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    export: CsvExport,
}

impl Phones {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.list)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        match self.verb.unwrap_or(Verb::List(self.list)) {
            Verb::List(list) => {
                let params = json!({"search": list.search, "import": list.import});
                let columns = columns::PHONES;
                list::show_or_write(
                    session,
                    "phone_list",
                    params,
                    list.limit,
                    columns,
                    &list.export,
                )
                .await
            }
            Verb::Add { phone, user } => {
                let done = format!("{phone} of {user} is on the corporate phone list");
                let body = json!({"phone": phone, "user": user});
                list::submit_and_print(session, "AddCorporatePhone", body, &done).await
            }
            Verb::Remove { phone } => {
                let done = format!("{phone} is removed from the corporate phone list");
                list::submit_and_print(
                    session,
                    "RemoveCorporatePhone",
                    json!({"phone": phone}),
                    &done,
                )
                .await
            }
        }
    }
}
