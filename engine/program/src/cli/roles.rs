//! `boarding roles`: lists, defines, assigns and removes roles.

use boarding_commands::values::Code;
use boarding_commands::values::text::spelled;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::columns::{ROLES, ROLES_OUTCOME};
use super::definition::{
    ChangeWords, PermissionOptions, defined, names_of, submit_and_print_changes,
};
use super::failure::{CliResult, Done, Failure};
use super::fields::{number, set, text};
use super::known::Known;
use super::list::{self, Limit};
use super::near_names::Defines;
use super::session::Session;

/// Lists and defines roles, and assigns or removes them for many people
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding roles --company acme
  boarding roles define 'Account Manager' --permission bulk_integration --company acme
  boarding roles define 'Account Manager' --remove-permission bulk_integration --company acme
  boarding roles assign 'Relationship Manager' --user jane --user ann --company acme
  boarding roles assign 'Relationship Manager' --org-unit 'Fixed Income Desk' --state active --company acme
  boarding roles assign 'Relationship Manager' --supervisor jane1 --preview --company acme
  boarding roles remove 'Account Manager' 'Team Lead' --search hudson --company acme

Each person has an outcome: assigned, removed, skipped (nothing to change) or failed (no such user). To see the
people of a filter first: add --preview.")]
pub(super) struct Roles {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists the roles with their permissions
    List(Limit),
    /// Defines a role, or changes its permissions; the others stay
    Define {
        /// The role's name
        role: String,
        #[command(flatten)]
        permissions: PermissionOptions,
    },
    /// Assigns roles to people
    Assign(Change),
    /// Removes roles from people
    Remove(Change),
}

#[derive(Debug, Args)]
struct Change {
    /// The roles, by their exact names
    #[arg(required = true, value_name = "ROLE")]
    roles: Vec<String>,
    #[command(flatten)]
    people: People,
    /// Shows the numbers and the first people, and changes nothing
    #[arg(long)]
    preview: bool,
}

/// The people: named users or a filter.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct People {
    /// This person; may be given several times
    #[arg(long = "user", value_name = "USER", conflicts_with_all = ["search", "org_unit", "state", "with_role", "profile", "supervisor", "agent_id", "pbx_id"])]
    users: Vec<String>,
    /// All people with this text in the user name, name, email address or phone
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// All people of this org unit, by its exact name
    #[arg(long, value_name = "NAME")]
    org_unit: Option<String>,
    /// All people in this state
    #[arg(long, value_name = "STATE", ignore_case = true, value_parser = ["active", "deactivated", "archived"])]
    state: Option<String>,
    /// All people who have this role, by its exact name
    #[arg(long, value_name = "ROLE")]
    with_role: Option<String>,
    /// All people with this profile
    #[arg(long, value_name = "PROFILE", ignore_case = true, value_parser = ["agent", "supervisor"])]
    profile: Option<String>,
    /// All people of this supervisor, by LAN ID
    #[arg(long, value_name = "USER")]
    supervisor: Option<String>,
    /// The person with this Agent ID
    #[arg(long, value_name = "ID")]
    agent_id: Option<String>,
    /// The person with this PBX ID
    #[arg(long, value_name = "ID")]
    pbx_id: Option<String>,
}

impl Roles {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.limit)
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        match self.verb.unwrap_or(Verb::List(self.limit)) {
            Verb::List(limit) => list::show(session, "roles", json!({}), limit, ROLES).await,
            Verb::Define { role, permissions } => {
                let role = spelled(&role);
                let thing = format!("the role {role}");
                let old = defined(session, "roles", "role", &role).await?;
                let words = ChangeWords::of_definition(&thing, old.is_some());
                let old = names_of(old.as_ref(), "permissions");
                let permissions = permissions.applied(session, &thing, old)?;
                let body = json!({"role": &role, "permissions": permissions});
                let near = Defines::Role.remark(session, &role).await?;
                let done = submit_and_print_changes(session, "DefineRole", body, &words).await?;
                near.iter().for_each(|near| session.out.remark(near));
                Ok(done)
            }
            Verb::Assign(change) => change.run(session, false).await,
            Verb::Remove(change) => change.run(session, true).await,
        }
    }
}

/// The outcomes of people that an answer counts.
const OUTCOMES: [&str; 4] = ["assigned", "removed", "skipped", "failed"];

impl Change {
    async fn run(self, session: &Session<'_>, remove: bool) -> CliResult {
        Known::Supervisor.remark(session, self.people.supervisor.as_deref()).await?;
        let mut body = json!({"roles": self.roles, "remove": remove});
        match self.people.filter() {
            None => set(&mut body, "users", self.people.users),
            Some(filter) => set(&mut body, "filter", filter),
        }
        if self.preview {
            set(&mut body, "mode", "preview");
        }
        let (mut people, mut counts) = (Vec::new(), [0; 4]);
        let mut accepted;
        // One command changes a part of a long list. Each part is durable when the next one begins.
        loop {
            // The id of --id is that of the first part. The others have other bodies, so they have other ids.
            accepted = match body.get("after") {
                None => session.submit("AssignRoles", body.clone()).await?,
                Some(_) => session.submit_new("AssignRoles", body.clone()).await?,
            };
            let result = &accepted.result;
            people.extend(
                result.get("users").and_then(Value::as_array).into_iter().flatten().cloned(),
            );
            for (count, name) in counts.iter_mut().zip(OUTCOMES) {
                *count += number(result, name);
            }
            match result.get("next").filter(|next| next.is_string()) {
                Some(next) => set(&mut body, "after", next.clone()),
                None => break,
            }
        }
        session.settle().await?;
        let [assigned, removed, skipped, failed] = counts;
        if let Some(result) = accepted.document.get_mut("result") {
            set(result, "users", people.clone());
            for (name, count) in OUTCOMES.iter().zip(counts) {
                set(result, name, count);
            }
        }
        if !session.out.is_json() {
            let lines: Vec<Value> = people.iter().flat_map(lines).collect();
            if lines.is_empty() {
                session.out.note("the filter finds no people");
            } else {
                session.out.table(ROLES_OUTCOME, &lines);
            }
        }
        let (done, changed) = if remove { (removed, "removed") } else { (assigned, "assigned") };
        let would = if self.preview { "nothing was changed; it would be: " } else { "" };
        let of = if self.roles.len() > 1 { "people: " } else { "" };
        let done = format!("{would}{of}{done} {changed}, {skipped} skipped, {failed} failed");
        list::print_accepted(session.out, &accepted, &done);
        Ok(Done::with_failures(failed))
    }
}

/// A line for each role of a person; one line for a person who does not exist.
fn lines(person: &Value) -> Vec<Value> {
    let roles = person.get("roles").and_then(Value::as_array).cloned().unwrap_or_default();
    let of_role = |mut role: Value| {
        set(&mut role, "user", person.get("user").cloned().unwrap_or_default());
        with_reason(role)
    };
    match roles.is_empty() {
        true => vec![with_reason(person.clone())],
        false => roles.into_iter().map(of_role).collect(),
    }
}

/// The line with the sentence of its code.
fn with_reason(mut line: Value) -> Value {
    if let Some(code) = Code::find(text(&line, "code")) {
        set(&mut line, "why", format!("{} [{code}]", code.text()));
    }
    line
}

impl People {
    /// The filter, or nothing if users are named.
    fn filter(&self) -> Option<Value> {
        let words = [
            ("search", &self.search),
            ("org_unit", &self.org_unit),
            ("state", &self.state),
            ("role", &self.with_role),
            ("profile", &self.profile),
            ("supervisor", &self.supervisor),
            ("agent_id", &self.agent_id),
            ("pbx_id", &self.pbx_id),
        ];
        let given = words
            .into_iter()
            .filter_map(|(name, word)| word.as_ref().map(|word| (name.to_owned(), json!(word))));
        let filter: Map<String, Value> = given.collect();
        (!filter.is_empty()).then_some(Value::Object(filter))
    }
}
