//! `AssignRoles`: adds or removes roles of people, with one outcome per person.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::company::filter::UserFilter;
use crate::company::{Company, User};
use crate::decide::rule::{Context, Decide, Decision};
use crate::decide::runs::start_bulk_integration::{MAX_NAMED_USERS, keys};
use crate::decide::users::add_user::{check_references, distinct};
use crate::event::{Event, Permission, Who};
use crate::schema::exactly_one_of;
use crate::values::{Code, Personal, Refusal};

/// Adds or removes roles of people, with one outcome per person.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = either_way)]
pub struct AssignRoles {
    /// Either these people …
    #[schemars(length(min = 1, max = MAX_NAMED_USERS))]
    pub users: Option<Vec<String>>,
    /// … or the people that match the filter. One command changes 1000 of them; `next` goes on behind them.
    pub filter: Option<UserFilter>,
    /// With a filter: only people behind this one, as `next` of the answer before said.
    pub after: Option<String>,
    #[schemars(length(min = 1))]
    pub roles: Vec<String>,
    /// Removes the roles instead.
    #[serde(default)]
    pub remove: bool,
    #[serde(default)]
    pub mode: AssignMode,
}

/// Whether the roles are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AssignMode {
    #[default]
    Commit,
    /// The numbers of all people and the outcomes of the first are shown, and nothing is recorded.
    Preview,
}

/// The most people of a filter that one command changes: their outcomes fit in one commit.
const MAX_FILTERED_USERS: usize = 1_000;

fn either_way(schema: &mut Schema) {
    exactly_one_of(schema, &[&["users"], &["filter"]]);
}

/// The outcomes of the people, in the order of the command, and how many came to which.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Assigned {
    users: Vec<OneUser>,
    assigned: usize,
    removed: usize,
    skipped: usize,
    failed: usize,
    /// The last person of this answer, if the filter means more people: give it as `after`.
    next: Option<Who>,
}

/// The outcome of one person.
#[derive(Debug, Serialize, JsonSchema)]
struct OneUser {
    user: Who,
    outcome: RolesOutcome,
    /// Why not, where nothing changed.
    code: Option<Code>,
    /// The outcome of each role; empty if the user does not exist.
    roles: Vec<OneRole>,
}

/// The outcome of one role of a person.
#[derive(Debug, Serialize, JsonSchema)]
struct OneRole {
    role: String,
    outcome: RolesOutcome,
    code: Option<Code>,
}

/// The outcome of one user or role: `skipped` if nothing changes, `failed` if the user does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RolesOutcome {
    Assigned,
    Removed,
    Skipped,
    Failed,
}

impl Assigned {
    fn add(&mut self, one: OneUser) {
        *match one.outcome {
            RolesOutcome::Assigned => &mut self.assigned,
            RolesOutcome::Removed => &mut self.removed,
            RolesOutcome::Skipped => &mut self.skipped,
            RolesOutcome::Failed => &mut self.failed,
        } += 1;
        if self.users.len() < MAX_NAMED_USERS {
            self.users.push(one);
        }
    }
}

impl Decide for AssignRoles {
    const NEEDS: Option<Permission> = Some(Permission::Accounts);

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Assigned::json_schema(generator)
    }

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        if self.roles.is_empty() {
            return Err(Refusal::new(Code::EnvelopeMalformed).saying("name at least one role"));
        }
        let mut people = self.people(company)?;
        check_references(company, None, &self.roles)?;
        let mut result = Assigned::default();
        let is_preview = self.mode == AssignMode::Preview;
        if self.filter.is_some() && people.len() > MAX_FILTERED_USERS && !is_preview {
            people.truncate(MAX_FILTERED_USERS);
            result.next = people.last().cloned();
        }
        let mut events = Vec::new();
        let mut done = std::collections::BTreeSet::new();
        for key in people {
            if !done.insert(key.folded()) {
                continue;
            }
            let (outcome, event) = self.one(company, &key);
            result.add(outcome);
            events.extend(event);
        }
        let result = json!(result);
        Ok(match self.mode {
            AssignMode::Commit => Decision::Append { events, result },
            AssignMode::Preview => Decision::Preview { events: Vec::new(), result },
        })
    }
}

impl AssignRoles {
    fn people(&self, company: &Company) -> Result<Vec<Who>, Refusal> {
        let malformed = |why: &str| Refusal::new(Code::EnvelopeMalformed).saying(why);
        match (&self.users, &self.filter) {
            (Some(users), None) if (1..=MAX_NAMED_USERS).contains(&users.len()) => Ok(keys(users)),
            (Some(users), None) => {
                let details = json!({"limit": MAX_NAMED_USERS, "actual": users.len()});
                Err(malformed("name 1 to 5000 users").with(details))
            }
            (None, Some(filter)) => {
                let after = match &self.after {
                    Some(key) => Some(company.users.created(key).ok_or(Code::UserNotFound)?.0),
                    None => None,
                };
                let people = company.filtered(filter)?.into_iter();
                // People are listed in the order of their ids. A change of roles changes no id, so the next command
                // continues after this person.
                let behind = people.filter(|(id, _)| after.is_none_or(|after| *id > after));
                Ok(behind.map(|(_, user)| Personal(user.key())).collect())
            }
            _ => Err(malformed("name either users or a filter")),
        }
    }

    fn one(&self, company: &Company, key: &Who) -> (OneUser, Option<Event>) {
        let Some((_, user)) = company.users.created(key.as_str()) else {
            let (outcome, code) = (RolesOutcome::Failed, Some(Code::RecipientUserNotCreated));
            return (OneUser { user: key.clone(), outcome, code, roles: Vec::new() }, None);
        };
        let (done, same) = if self.remove {
            (RolesOutcome::Removed, Code::RoleNotAssigned)
        } else {
            (RolesOutcome::Assigned, Code::RoleAlreadyAssigned)
        };
        let held = |role: &str| user.roles.iter().any(|one| **one == *role);
        let outcomes: Vec<OneRole> = distinct(&self.roles)
            .into_iter()
            .map(|role| {
                let changes = held(&role) == self.remove;
                let outcome = if changes { done } else { RolesOutcome::Skipped };
                OneRole { role, outcome, code: (!changes).then_some(same) }
            })
            .collect();
        let changed: Vec<String> =
            outcomes.iter().filter(|one| one.outcome == done).map(|one| one.role.clone()).collect();
        let nothing = changed.is_empty();
        let outcome = if nothing { RolesOutcome::Skipped } else { done };
        let one =
            OneUser { user: key.clone(), outcome, code: nothing.then_some(same), roles: outcomes };
        (one, (!nothing).then(|| self.event(user, changed)))
    }

    fn event(&self, user: &User, roles: Vec<String>) -> Event {
        let user = Personal(user.key());
        if self.remove {
            Event::RolesRemoved { user, roles }
        } else {
            Event::RolesAssigned { user, roles }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{given, user_created, who};

    /// OCM-21, OCM-22, OCM-23: given once, taken once; who is not there fails alone.
    #[test]
    fn each_user_has_an_outcome() {
        let role = Event::RoleDefined { role: "Adviser".to_owned(), permissions: vec![] };
        let roles = vec!["Adviser".to_owned()];
        let assign = |remove| AssignRoles {
            users: Some(vec!["ann".to_owned(), "zoe".to_owned(), "ANN".to_owned()]),
            filter: None,
            after: None,
            roles: roles.clone(),
            remove,
            mode: AssignMode::Commit,
        };
        let company = given([user_created("ann"), role]);
        let result = company
            .when(assign(false))
            .then([Event::RolesAssigned { user: who("ann"), roles: roles.clone() }]);
        assert_eq!(result["users"][1]["code"], "recipient.user_not_created");
        let company = company.after(assign(false));
        let result = company.when(assign(false)).then([]);
        assert_eq!(result["users"][0]["code"], "role.already_assigned");
        assert_eq!(company.when(assign(true)).names(), ["RolesRemoved"]);
        let result = company.after(assign(true)).when(assign(true)).then([]);
        assert_eq!(
            result["users"][0],
            json!({"user": "ann", "outcome": "skipped", "code": "role.not_assigned",
                "roles": [{"role": "Adviser", "outcome": "skipped", "code": "role.not_assigned"}]})
        );
    }

    /// OCM-21: a filter instead of a list must have a condition and must not match too many people.
    #[test]
    fn filter_selects_the_users() {
        let role = Event::RoleDefined { role: "Adviser".to_owned(), permissions: vec![] };
        let company = given([user_created("ann"), user_created("bob"), role]);
        let body = |who: serde_json::Value| {
            let mut body = json!({"roles": ["Adviser"]});
            body.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
            body
        };
        let then = company.when_json("AssignRoles", body(json!({"filter": {"search": "bob"}})));
        let result = then
            .then([Event::RolesAssigned { user: who("bob"), roles: vec!["Adviser".to_owned()] }]);
        assert_eq!(result["users"][0]["outcome"], "assigned");
        for bad in [
            json!({}),
            json!({"filter": {}}),
            json!({"users": []}),
            json!({"users": ["ann"], "filter": {"search": "bob"}}),
        ] {
            company.when_json("AssignRoles", body(bad)).then_refused(Code::EnvelopeMalformed);
        }
    }

    /// OCM-21: a filter may mean any number of people. Each command changes a part, and the answer says where to go on.
    #[test]
    fn filter_of_many_people_needs_several_commands() {
        let role = Event::RoleDefined { role: "Adviser".to_owned(), permissions: vec![] };
        let many = (0..=MAX_FILTERED_USERS).map(|n| user_created(&format!("user{n}")));
        let company = given(many.chain([role]));
        let body = |more: serde_json::Value| {
            let mut body = json!({"filter": {"state": "active"}, "roles": ["Adviser"]});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let shown = company.when_json("AssignRoles", body(json!({"mode": "preview"})));
        assert_eq!((shown.events().len(), &shown.result()["assigned"]), (0, &json!(1001)));
        let first = company.when_json("AssignRoles", body(json!({})));
        assert_eq!((first.events().len(), &first.result()["next"]), (1000, &json!("user999")));
        let rest = company.when_json("AssignRoles", body(json!({"after": "user999"})));
        assert_eq!((rest.events().len(), &rest.result()["next"]), (1, &json!(null)));
    }

    /// OCM-21, OCM-22: each role of a person has its own outcome.
    #[test]
    fn each_role_of_a_person_has_an_outcome() {
        let role = |role: &str| Event::RoleDefined { role: role.to_owned(), permissions: vec![] };
        let has = Event::RolesAssigned { user: who("ann"), roles: vec!["Lead".to_owned()] };
        let body = json!({"users": ["ann"], "roles": ["Lead", "Adviser"]});
        let result = given([user_created("ann"), role("Lead"), role("Adviser"), has])
            .when_json("AssignRoles", body)
            .result();
        let ann = &result["users"][0];
        assert_eq!((&ann["outcome"], &ann["code"]), (&json!("assigned"), &json!(null)));
        assert_eq!(ann["roles"][0]["code"], "role.already_assigned");
        assert_eq!(ann["roles"][1]["outcome"], "assigned");
    }

    /// OCM-23: an unknown role refuses the whole command.
    #[test]
    fn an_unknown_role_refuses_the_whole_command() {
        let body = json!({"users": ["ann"], "roles": ["King"]});
        given([user_created("ann")])
            .when_json("AssignRoles", body)
            .then_refused(Code::ReferenceRoleNotFound);
    }

    #[test]
    fn named_users_of_one_command_are_limited() {
        let assign = |count: usize| {
            let users = vec!["ann".to_owned(); count];
            let body = json!({"users": users, "roles": ["Agent"]});
            let role = Event::RoleDefined { role: "Agent".to_owned(), permissions: vec![] };
            given([role, user_created("ann")]).when_json("AssignRoles", body)
        };
        assert_eq!(assign(MAX_NAMED_USERS).names(), ["RolesAssigned"]);
        for count in [0, MAX_NAMED_USERS + 1] {
            let refusal = assign(count).then_refused(Code::EnvelopeMalformed);
            assert_eq!(refusal.details, json!({"limit": MAX_NAMED_USERS, "actual": count}));
        }
    }
}
