//! `GrantPermissions`: gives an actor permissions; from the first grant on they are enforced.

use std::collections::BTreeSet;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Value, json};

use super::bind_nats_user::check_reachable;
use crate::company::{Company, Grants};
use crate::decide::changes::Changed;
use crate::decide::rule::{Context, Decide, Decision, check_text};
use crate::event::{Event, Permission};
use crate::values::{Code, Personal, Refusal, check_actor};

/// Gives an actor permissions; from the first grant on they are enforced.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantPermissions {
    pub actor: Personal<String>,
    #[schemars(length(min = 1))]
    pub permissions: Vec<Permission>,
}

impl Decide for GrantPermissions {
    const NEEDS: Option<Permission> = Some(Permission::Administer);

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        check_text("actor", &self.actor)?;
        check_actor(&self.actor)?;
        if self.permissions.is_empty() {
            return Err(
                Refusal::new(Code::EnvelopeMalformed).saying("name at least one permission")
            );
        }
        if !company.grants.enforced() && !self.permissions.contains(&Permission::Administer) {
            return Err(Refusal::new(Code::AuthNoAdministrator)
                .saying("the first grant of a company includes administer"));
        }
        let held: BTreeSet<Permission> = company.grants.held(&self.actor).collect();
        let asked: BTreeSet<Permission> = self.permissions.iter().copied().collect();
        let permissions: Vec<_> =
            asked.into_iter().filter(|permission| !held.contains(permission)).collect();
        if permissions.is_empty() {
            return Ok(Decision::append(vec![]).with_result(Changed::result(vec![])));
        }
        let mut grants = company.grants.clone();
        grants.grant(&self.actor, &permissions);
        check_reachable(company, &company.bindings, &grants)?;
        let result = permissions_changed(&self.actor, &company.grants, &grants);
        Ok(Decision::append(vec![Event::PermissionsGranted {
            actor: self.actor.clone(),
            permissions,
        }])
        .with_result(result))
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Changed::json_schema(generator)
    }
}

/// The `result` of a change of an actor's permissions.
pub(super) fn permissions_changed(actor: &str, old: &Grants, new: &Grants) -> Value {
    let held = |grants: &Grants| json!({"permissions": grants.held(actor).collect::<Vec<_>>()});
    Changed::between(&held(old), &held(new))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::given;

    /// The actor of the commands in tests.
    const ACTOR: &str = "Jane@acme.example";

    fn grant(actor: &str, permission: Permission) -> GrantPermissions {
        GrantPermissions { actor: Personal(actor.to_owned()), permissions: vec![permission] }
    }

    /// LX-01, LX-02, LX-03: permissions are enforced from the first grant on, and not before.
    #[test]
    fn the_first_grant_turns_enforcement_on() {
        let company = given([]).after(grant("joe@acme.example", Permission::Administer));
        let refusal = company
            .when(grant("joe@acme.example", Permission::BulkImportUsers))
            .then_refused(Code::AuthPermissionDenied);
        assert_eq!(refusal.details["permission"], "administer");
        let administered = given([]).after(grant(ACTOR, Permission::Administer));
        administered.when(grant(ACTOR, Permission::Administer)).then([]);
    }

    #[test]
    fn engine_gets_no_permissions() {
        given([])
            .when(grant("engine", Permission::Administer))
            .then_refused(Code::AuthActorReserved);
    }

    /// A45: the first grant leaves the company with an administrator.
    #[test]
    fn first_grant_makes_somebody_administrator() {
        given([])
            .when(grant("joe@acme.example", Permission::BulkImportUsers))
            .then_refused(Code::AuthNoAdministrator);
        let both = vec![Permission::BulkImportUsers, Permission::Administer];
        let both = GrantPermissions { actor: Personal("joe".to_owned()), permissions: both };
        given([]).after(both);
    }

    #[test]
    fn result_shows_the_permissions_before_and_after() {
        let company = given([]).after(grant(ACTOR, Permission::Administer));
        let granted = company.when(grant(ACTOR, Permission::Accounts)).result();
        let change = &granted["changes"][0];
        assert_eq!(
            (&change["field"], &change["old"]),
            (&json!("permissions"), &json!(["administer"]))
        );
        assert_eq!(change["new"].as_array().unwrap().len(), 2);
        let nothing = company.when(grant(ACTOR, Permission::Administer)).result();
        assert_eq!(nothing, json!({"changes": []}));
    }
}
