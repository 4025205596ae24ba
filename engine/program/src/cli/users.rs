//! `boarding users`: lists, shows, adds, archives, deactivates, links and unlinks users.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::columns;
use super::failure::{CliResult, Done, Failure};
use super::fields::{set, text};
use super::known::Known;
use super::list::{self, CsvExport, Limit};
use super::near_names::Defines;
use super::session::Session;
use super::words::{counted, quoted};

/// Lists, shows, adds, archives, deactivates, links and unlinks users
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding users --company acme --state archived
  boarding users --company acme --state active --spreadsheet -o people.csv
  boarding users --company acme --profile agent --supervisor jane1 --role 'Team Lead'
  boarding users --company acme --org-unit Sales --count
  boarding users show janeuser115 --company acme
  boarding users add janeuser115 --first-name Jane --last-name Hudson \\
      --email jane@acme.example --org-unit 'Fixed Income Desk' --company acme
  boarding users archive janeuser115 --company acme
  boarding users unlink janeuser115 --channel whatsapp --company acme")]
pub(super) struct Users {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists the users
    List(List),
    /// Shows a user
    Show {
        /// The user name
        user: String,
    },
    /// Adds a user
    Add(Add),
    /// Archives a user: archived users are not invited
    Archive {
        /// The user name
        user: String,
    },
    /// Restores an archived user
    Restore {
        /// The user name
        user: String,
    },
    /// Deactivates a user
    Deactivate {
        /// The user name
        user: String,
    },
    /// Reactivates a deactivated user
    Reactivate {
        /// The user name
        user: String,
    },
    /// Marks a user's messaging account as linked, as the link in the mail does
    #[command(
        after_help = "Example:\n  boarding users link janeuser115 --channel whatsapp --company acme"
    )]
    Link(Account),
    /// Marks a user's messaging account as not linked: the user can be invited again
    #[command(
        after_help = "Example:\n  boarding users unlink janeuser115 --channel whatsapp --company acme"
    )]
    Unlink(Account),
}

#[derive(Debug, Default, PartialEq, Args)]
struct List {
    /// Only users with this text in the user name, name or email address
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only users of this org unit, by its exact name
    #[arg(long, value_name = "NAME")]
    org_unit: Option<String>,
    /// Only users in this state: active, deactivated, archived
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only users who have this role, by its exact name
    #[arg(long, visible_alias = "with-role", value_name = "ROLE")]
    role: Option<String>,
    /// Only users with this profile
    #[arg(long, value_name = "PROFILE", ignore_case = true, value_parser = ["agent", "supervisor"])]
    profile: Option<String>,
    /// Only users of this supervisor, by LAN ID
    #[arg(long, value_name = "USER")]
    supervisor: Option<String>,
    /// Only the user with this Agent ID
    #[arg(long, value_name = "ID")]
    agent_id: Option<String>,
    /// Only the user with this PBX ID
    #[arg(long, value_name = "ID")]
    pbx_id: Option<String>,
    /// Prints only the number of users
    #[arg(long, conflicts_with_all = ["limit", "csv", "spreadsheet", "output"])]
    count: bool,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    export: CsvExport,
}

#[derive(Debug, Args)]
struct Add {
    /// The user name: the key by which the user is known
    user: String,
    /// The first name, for mails
    #[arg(long, value_name = "NAME")]
    first_name: Option<String>,
    /// The last name, for mails
    #[arg(long, value_name = "NAME")]
    last_name: Option<String>,
    /// The e-mail address to which invitations go
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// The phone, with its country code
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// The org unit, by its exact name
    #[arg(long, value_name = "NAME")]
    org_unit: Option<String>,
    /// A role; may be given several times
    #[arg(long = "role", value_name = "NAME")]
    roles: Vec<String>,
}

/// A messaging account of a user.
#[derive(Debug, Args)]
struct Account {
    /// The user name
    user: String,
    /// whatsapp or imessage
    #[arg(long, value_name = "CHANNEL")]
    channel: String,
}

impl Account {
    async fn submit(self, session: &Session<'_>, command: &str, verb: &str) -> CliResult {
        let done = format!("the {} account of {} is {verb}", self.channel, self.user);
        let body = json!({"user": self.user, "channel": self.channel});
        list::submit_and_print(session, command, body, &done).await
    }
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

impl List {
    async fn run(self, session: &Session<'_>) -> CliResult {
        // Copied names often have spaces around them, and stored names never do.
        let name = |given: &Option<String>| given.as_deref().map(str::trim).map(str::to_owned);
        let params = json!({
            "search": self.search, "org_unit": name(&self.org_unit), "state": self.state, "role": name(&self.role),
            "profile": self.profile, "supervisor": name(&self.supervisor), "agent_id": name(&self.agent_id),
            "pbx_id": name(&self.pbx_id),
        });
        let (limit, columns, out) = (self.limit, columns::USERS, session.out);
        Known::OrgUnit.remark(session, self.org_unit.as_deref()).await?;
        Known::Role.remark(session, self.role.as_deref()).await?;
        Known::Supervisor.remark(session, self.supervisor.as_deref()).await?;
        let mut count = 0;
        if self.count {
            session.pages("users", params, None, |rows| count += rows.len() as u64).await?;
            if out.is_json() {
                out.document(&json!({"count": count}));
            } else {
                out.line(&counted(count, "user", "users"));
            }
            return Ok(Done::Completely);
        }
        if out.is_json() || self.export.format().is_some() {
            return list::show_or_write(session, "users", params, limit, columns, &self.export)
                .await;
        }
        list::show_counted(session, "users", params, limit, columns, ["user", "users"]).await
    }
}

/// The numbers of this user on the corporate phone list. The user's own record has only the number of a file.
async fn listed_phones(session: &Session<'_>, user: &str) -> Result<Vec<Value>, Failure> {
    let mut rows = session.rows("phone_list", json!({"user": user}), None).await?;
    Ok(rows.iter_mut().map(|row| row["phone"].take()).collect())
}

impl Users {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.list)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        let (command, user, done) = match self.verb.unwrap_or(Verb::List(self.list)) {
            Verb::List(list) => return list.run(session).await,
            Verb::Show { user } => {
                let mut row = session.row("user", json!({"user": user})).await?;
                if !session.out.is_json() {
                    let listed = listed_phones(session, text(&row, "user")).await?;
                    set(&mut row, "corporate_phones", listed);
                }
                return list::show_row(session.out, &row);
            }
            Verb::Add(add) => {
                let done = format!("{} is added", add.user);
                let near = Defines::User.remark(session, &add.user).await?;
                let phone = add.phone.clone().map(|phone| {
                    format!(
                        "to put the phone on the corporate phone list: boarding phones add {} {}",
                        quoted(&phone),
                        quoted(&add.user)
                    )
                });
                let done = list::submit_and_print(session, "AddUser", add.body(), &done).await?;
                phone.iter().for_each(|note| session.out.note(&session.out.placed(note)));
                near.iter().for_each(|near| session.out.remark(near));
                return Ok(done);
            }
            Verb::Link(account) => return account.submit(session, "LinkCompleted", "linked").await,
            Verb::Unlink(account) => {
                return account.submit(session, "UnlinkUser", "not linked any more").await;
            }
            Verb::Archive { user } => ("ArchiveUser", user, "archived"),
            Verb::Restore { user } => ("RestoreUser", user, "restored"),
            Verb::Deactivate { user } => ("DeactivateUser", user, "deactivated"),
            Verb::Reactivate { user } => ("ReactivateUser", user, "reactivated"),
        };
        let done = format!("{user} is {done}");
        list::submit_and_print(session, command, json!({"user": user}), &done).await
    }
}
