//! `AssignRoles`: gives roles to people, or takes them away; each person has an outcome of its own.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::add_user::{check_references, distinct};
use super::start_bulk_integration::{MAX_NAMED_USERS, keys};
use super::{Asked, Decide, Decision};
use crate::code::{Code, Refusal};
use crate::company::{Company, User};
use crate::event::{Event, Permission, Who};
use crate::personal::Personal;

/// Gives roles to people, or takes them away; each person has an outcome of its own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignRoles {
    #[schemars(length(min = 1, max = MAX_NAMED_USERS))]
    pub users: Vec<String>,
    #[schemars(length(min = 1))]
    pub roles: Vec<String>,
    /// Removes the roles instead.
    #[serde(default)]
    pub remove: bool,
}

/// What became of each of the people, in the order they were named.
#[derive(Debug, Serialize, JsonSchema)]
struct Assigned {
    users: Vec<OneUser>,
}

/// What became of one of them.
#[derive(Debug, Serialize, JsonSchema)]
struct OneUser {
    user: Who,
    outcome: RolesOutcome,
    /// Why not, where nothing changed.
    code: Option<Code>,
}

/// Skipped is who has (or has not) all of the roles already; failed is who is not there.
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

    fn decide(&self, company: &Company, _: &Asked<'_, Self>) -> Result<Decision, Refusal> {
        if self.roles.is_empty() || self.users.is_empty() || self.users.len() > MAX_NAMED_USERS {
            return Err(Refusal::new(Code::EnvelopeMalformed).saying("name at least one role, and 1 to 5000 users"));
        }
        check_references(company, None, &self.roles)?;
        let (mut events, mut outcomes) = (Vec::new(), Vec::new());
        let mut done = std::collections::BTreeSet::new();
        for key in keys(&self.users) {
            if !done.insert(key.folded()) {
                continue;
            }
            let (outcome, event) = self.one(company, &key);
            outcomes.push(outcome);
            events.extend(event);
        }
        Ok(Decision::of(events).telling(json!(Assigned { users: outcomes })))
    }
}

impl AssignRoles {
    fn one(&self, company: &Company, key: &Who) -> (OneUser, Option<Event>) {
        let told = |outcome: RolesOutcome, code: Option<Code>| OneUser { user: key.clone(), outcome, code };
        let Some((_, user)) = company.users.created(key.as_str()) else {
            return (told(RolesOutcome::Failed, Some(Code::RecipientUserNotCreated)), None);
        };
        let held = |role: &&String| user.roles.iter().any(|one| **one == ***role);
        let asked = distinct(&self.roles);
        let roles: Vec<String> = asked.iter().filter(|role| held(role) == self.remove).cloned().collect();
        if roles.is_empty() {
            let code = if self.remove { Code::RoleNotAssigned } else { Code::RoleAlreadyAssigned };
            return (told(RolesOutcome::Skipped, Some(code)), None);
        }
        let outcome = if self.remove { RolesOutcome::Removed } else { RolesOutcome::Assigned };
        (told(outcome, None), Some(self.event(user, roles)))
    }

    fn event(&self, user: &User, roles: Vec<String>) -> Event {
        let user = Personal(user.key());
        if self.remove { Event::RolesRemoved { user, roles } } else { Event::RolesAssigned { user, roles } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{given, user_created, who};

    #[test]
    fn each_user_has_an_outcome() {
        let role = Event::RoleDefined { role: "Adviser".to_owned(), permissions: vec![] };
        let roles = vec!["Adviser".to_owned()];
        let assign = |remove| AssignRoles {
            users: vec!["ann".to_owned(), "zoe".to_owned(), "ANN".to_owned()],
            roles: roles.clone(),
            remove,
        };
        let company = given([user_created("ann"), role]);
        let result = company.when(assign(false)).then([Event::RolesAssigned { user: who("ann"), roles: roles.clone() }]);
        assert_eq!(result["users"][1]["code"], "recipient.user_not_created");
        let company = company.after(assign(false));
        let result = company.when(assign(false)).then([]);
        assert_eq!(result["users"][0]["code"], "role.already_assigned");
        assert_eq!(company.when(assign(true)).names(), ["RolesRemoved"]);
    }

    #[test]
    fn an_unknown_role_refuses_the_whole_command() {
        let body = json!({"users": ["ann"], "roles": ["King"]});
        given([user_created("ann")]).when_json("AssignRoles", body).then_refused(Code::ReferenceRoleNotFound);
    }
}
