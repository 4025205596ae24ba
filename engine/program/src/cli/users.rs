//! `boarding users`: the company's people, one by one and as a list.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::columns;
use super::failure::{Ending, Failure};
use super::list::{self, Limit, Sheet};
use super::session::Session;

/// The company's people
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding users --company acme --state archived
  boarding users --company acme --state active --spreadsheet -o people.csv
  boarding users show janeuser115 --company acme
  boarding users add janeuser115 --first-name Jane --last-name Hudson \\
      --email jane@acme.example --org-unit 'Fixed Income Desk' --company acme
  boarding users archive janeuser115 --company acme")]
pub(super) struct Users {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Shows the people
    List(List),
    /// Shows one
    Show { user: String },
    /// Adds one
    Add(Add),
    /// Archives one: nobody archived is invited
    Archive { user: String },
    /// Takes one back out of the archive
    Restore { user: String },
    /// Deactivates one
    Deactivate { user: String },
    /// Activates one again
    Reactivate { user: String },
}

#[derive(Debug, Default, PartialEq, Args)]
struct List {
    /// Part of a user name, a name or an address
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only those of this org unit, by its exact name
    #[arg(long, value_name = "NAME")]
    org_unit: Option<String>,
    /// Only those in this state: active, deactivated, archived
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    sheet: Sheet,
}

#[derive(Debug, Args)]
struct Add {
    user: String,
    #[arg(long, value_name = "NAME")]
    first_name: Option<String>,
    #[arg(long, value_name = "NAME")]
    last_name: Option<String>,
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// With its country code
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// By its exact name
    #[arg(long, value_name = "NAME")]
    org_unit: Option<String>,
    /// May be given several times
    #[arg(long = "role", value_name = "NAME")]
    roles: Vec<String>,
}

impl Add {
    fn body(&self) -> Value {
        let mut body = Map::from_iter([("user".to_owned(), json!(self.user))]);
        let fields = [
            ("first_name", &self.first_name),
            ("last_name", &self.last_name),
            ("email", &self.email),
            ("phone", &self.phone),
            ("org_unit", &self.org_unit),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                body.insert(name.to_owned(), json!(value));
            }
        }
        if !self.roles.is_empty() {
            body.insert("roles".to_owned(), json!(self.roles));
        }
        Value::Object(body)
    }
}

impl Users {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.list)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> Ending {
        let (command, user, done) = match self.verb.unwrap_or(Verb::List(self.list)) {
            Verb::List(list) => {
                let params =
                    json!({"search": list.search, "org_unit": list.org_unit, "state": list.state});
                let (limit, columns) = (list.limit, columns::USERS);
                return list::show_or_write(session, "users", params, limit, columns, &list.sheet)
                    .await;
            }
            Verb::Show { user } => {
                let row = session.row("user", json!({"user": user})).await?;
                return list::show_row(session.out, &row);
            }
            Verb::Add(add) => {
                let done = format!("{} was added", add.user);
                return list::change(session, "AddUser", add.body(), &done).await;
            }
            Verb::Archive { user } => ("ArchiveUser", user, "archived"),
            Verb::Restore { user } => ("RestoreUser", user, "restored"),
            Verb::Deactivate { user } => ("DeactivateUser", user, "deactivated"),
            Verb::Reactivate { user } => ("ReactivateUser", user, "active again"),
        };
        let done = format!("{user} is {done}");
        list::change(session, command, json!({"user": user}), &done).await
    }
}
