//! `boarding roles`: what roles there are, and who has them; given and taken away in bulk (OCM-21 … OCM-23).

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::columns::{ROLES, ROLES_OUTCOME};
use super::failure::{Done, Ending, Failure};
use super::list::{self, Limit, set, text};
use super::session::Session;

/// Roles: defined one by one, given to people and taken away in bulk
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding roles --company acme
  boarding roles define 'Account Manager' --permission bulk_integration --company acme
  boarding roles assign 'Relationship Manager' --user jane --user ann --company acme
  boarding roles assign 'Relationship Manager' --org-unit 'Fixed Income Desk' --state active --company acme
  boarding roles remove 'Account Manager' 'Team Lead' --search hudson --company acme

Each person has an outcome of his own: assigned, removed, skipped (nothing to change) or failed (nobody of that
name). Whom a filter means: boarding users with the same words.")]
pub(super) struct Roles {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Shows the roles and what they permit
    List(Limit),
    /// Defines a role, or what it permits from now on
    Define {
        /// Its name
        role: String,
        /// What it permits, e.g. bulk_integration; may be given several times
        #[arg(long = "permission", value_name = "NAME")]
        permissions: Vec<String>,
    },
    /// Gives roles to people
    Assign(Change),
    /// Takes roles away from people
    Remove(Change),
}

#[derive(Debug, Args)]
struct Change {
    /// The roles, by their exact names
    #[arg(required = true, value_name = "ROLE")]
    roles: Vec<String>,
    #[command(flatten)]
    people: People,
}

/// These people, or all whom the filter means.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct People {
    /// This person; may be given several times
    #[arg(long = "user", value_name = "USER", conflicts_with_all = ["search", "org_unit", "state"])]
    users: Vec<String>,
    /// Whoever has this in a user name, a name, an address or a number
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Whoever is in this org unit, by its exact name
    #[arg(long, value_name = "NAME")]
    org_unit: Option<String>,
    /// Whoever is in this state: active, deactivated, archived
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
}

impl Roles {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.limit)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> Ending {
        match self.verb.unwrap_or(Verb::List(self.limit)) {
            Verb::List(limit) => list::show(session, "roles", json!({}), limit, ROLES).await,
            Verb::Define { role, permissions } => {
                let done = format!("the role {role} is defined");
                let body = json!({"role": role, "permissions": permissions});
                list::change(session, "DefineRole", body, &done).await
            }
            Verb::Assign(change) => change.run(session, false).await,
            Verb::Remove(change) => change.run(session, true).await,
        }
    }
}

impl Change {
    async fn run(self, session: &Session<'_>, remove: bool) -> Ending {
        let mut body = json!({"roles": self.roles, "remove": remove});
        match self.people.filter() {
            None => set(&mut body, "users", self.people.users),
            Some(filter) => set(&mut body, "filter", filter),
        }
        let accepted = session.submit("AssignRoles", body).await?;
        session.settle().await?;
        let people = accepted.result.get("users").and_then(Value::as_array);
        let people = people.map(Vec::as_slice).unwrap_or_default();
        let count =
            |outcome: &str| people.iter().filter(|one| text(one, "outcome") == outcome).count();
        let changed = if remove { "removed" } else { "assigned" };
        let [done, skipped, failed] = [changed, "skipped", "failed"].map(count);
        if !session.out.is_json() {
            session.out.table(ROLES_OUTCOME, people);
        }
        let done = format!("{done} {changed}, {skipped} skipped, {failed} failed");
        list::show_accepted(session.out, &accepted, &done);
        Ok(Done::losing(failed as u64))
    }
}

impl People {
    /// None where people are named.
    fn filter(&self) -> Option<Value> {
        let words =
            [("search", &self.search), ("org_unit", &self.org_unit), ("state", &self.state)];
        let given = words
            .into_iter()
            .filter_map(|(name, word)| word.as_ref().map(|word| (name.to_owned(), json!(word))));
        let filter: Map<String, Value> = given.collect();
        (!filter.is_empty()).then_some(Value::Object(filter))
    }
}
