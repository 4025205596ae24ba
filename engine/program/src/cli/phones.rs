//! `boarding phones`: the corporate phone list with its link states (LX-11, LX-12, LX-23).

use clap::{Args, Subcommand};
use serde_json::json;

use super::columns;
use super::failure::{Ending, Failure};
use super::list::{self, Limit, Sheet};
use super::session::Session;

/// The corporate phone list: whose number is on it, and whether it is linked
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
    /// Shows the list
    List(List),
    /// Puts a number on the list for a user
    Add {
        /// The number, with its country code
        phone: String,
        /// The user name
        user: String,
    },
    /// Takes a number off the list
    Remove {
        /// The number, with its country code
        phone: String,
    },
}

#[derive(Debug, Default, PartialEq, Args)]
struct List {
    /// Part of a number, a user name or a name
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only numbers that this import put on the list
    #[arg(long, value_name = "ID")]
    import: Option<String>,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    sheet: Sheet,
}

impl Phones {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.list)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> Ending {
        match self.verb.unwrap_or(Verb::List(self.list)) {
            Verb::List(list) => {
                let params = json!({"search": list.search, "import": list.import});
                let columns = columns::PHONES;
                list::show_or_write(session, "phone_list", params, list.limit, columns, &list.sheet)
                    .await
            }
            Verb::Add { phone, user } => {
                let done = format!("{phone} is on the list for {user}");
                let body = json!({"phone": phone, "user": user});
                list::change(session, "AddCorporatePhone", body, &done).await
            }
            Verb::Remove { phone } => {
                let done = format!("{phone} is not on the list any more");
                list::change(session, "RemoveCorporatePhone", json!({"phone": phone}), &done).await
            }
        }
    }
}
