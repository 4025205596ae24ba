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
    /// … or the people that match the filter, 1000 at most.
    pub filter: Option<UserFilter>,
    #[schemars(length(min = 1))]
    pub roles: Vec<String>,
    /// Removes the roles instead.
    #[serde(default)]
    pub remove: bool,
}

/// The most people that a filter may match: their outcomes fit in one commit.
const MAX_FILTERED_USERS: usize = 1_000;

fn either_way(schema: &mut Schema) {
    exactly_one_of(schema, &[&["users"], &["filter"]]);
}

/// The outcomes of the people, in the order of the command.
#[derive(Debug, Serialize, JsonSchema)]
struct Assigned {
    users: Vec<OneUser>,
}

/// The outcome of one person.
#[derive(Debug, Serialize, JsonSchema)]
struct OneUser {
    user: Who,
    outcome: RolesOutcome,
    /// Why not, where nothing changed.
    code: Option<Code>,
}

/// The outcome of one user: `skipped` if nothing changes, `failed` if the user does not exist.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RolesOutcome {
    Assigned,
    Removed,
    Skipped,
    Failed,
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
        let people = self.people(company)?;
        check_references(company, None, &self.roles)?;
        let (mut events, mut outcomes) = (Vec::new(), Vec::new());
        let mut done = std::collections::BTreeSet::new();
        for key in people {
            if !done.insert(key.folded()) {
                continue;
            }
            let (outcome, event) = self.one(company, &key);
            outcomes.push(outcome);
            events.extend(event);
        }
        Ok(Decision::append(events).with_result(json!(Assigned { users: outcomes })))
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
                let users = company.filtered(filter)?;
                if users.len() > MAX_FILTERED_USERS {
                    return Err(too_many(users.len()));
                }
                Ok(users.into_iter().map(|user| Personal(user.key())).collect())
            }
            _ => Err(malformed("name either users or a filter")),
        }
    }

    fn one(&self, company: &Company, key: &Who) -> (OneUser, Option<Event>) {
        let outcome_of = |outcome: RolesOutcome, code: Option<Code>| OneUser {
            user: key.clone(),
            outcome,
            code,
        };
        let Some((_, user)) = company.users.created(key.as_str()) else {
            return (outcome_of(RolesOutcome::Failed, Some(Code::RecipientUserNotCreated)), None);
        };
        let held = |role: &&String| user.roles.iter().any(|one| **one == ***role);
        let asked = distinct(&self.roles);
        let roles: Vec<String> =
            asked.iter().filter(|role| held(role) == self.remove).cloned().collect();
        if roles.is_empty() {
            let code = if self.remove { Code::RoleNotAssigned } else { Code::RoleAlreadyAssigned };
            return (outcome_of(RolesOutcome::Skipped, Some(code)), None);
        }
        let outcome = if self.remove { RolesOutcome::Removed } else { RolesOutcome::Assigned };
        (outcome_of(outcome, None), Some(self.event(user, roles)))
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

fn too_many(actual: usize) -> Refusal {
    Refusal {
        code: Code::EnvelopeMalformed,
        message: format!(
            "The filter means {actual} people, and one command changes {MAX_FILTERED_USERS} at most; nobody was changed. \
             Narrow it by search, org_unit or state, or name the users in several commands."
        ),
        details: json!({"limit": MAX_FILTERED_USERS, "actual": actual}),
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
            roles: roles.clone(),
            remove,
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
            json!({"user": "ann", "outcome": "skipped", "code": "role.not_assigned"})
        );
    }

    /// OCM-21: a filter instead of a list must have a condition and must not match too many people.
    #[test]
    fn filter_selects_the_users() {
        let role = Event::RoleDefined { role: "Adviser".to_owned(), permissions: vec![] };
        let company = given([user_created("ann"), user_created("bob"), role.clone()]);
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
        let many = (0..=MAX_FILTERED_USERS).map(|n| user_created(&format!("user{n}")));
        let refusal = given(many.chain([role]))
            .when_json("AssignRoles", body(json!({"filter": {"state": "active"}})))
            .then_refused(Code::EnvelopeMalformed);
        assert_eq!(refusal.details, json!({"limit": 1000, "actual": 1001}));
        assert!(refusal.message.starts_with("The filter means 1001 people"), "{}", refusal.message);
    }

    /// OCM-23: an unknown role refuses the whole command.
    #[test]
    fn an_unknown_role_refuses_the_whole_command() {
        let body = json!({"users": ["ann"], "roles": ["King"]});
        given([user_created("ann")])
            .when_json("AssignRoles", body)
            .then_refused(Code::ReferenceRoleNotFound);
    }
}
