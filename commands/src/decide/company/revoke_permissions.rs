//! `RevokePermissions`: takes permissions from an actor.

use std::collections::BTreeSet;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use super::bind_nats_user::check_reachable;
use super::grant_permissions::permissions_changed;
use crate::company::Company;
use crate::decide::changes::Changed;
use crate::decide::rule::{Context, Decide, Decision, check_text};
use crate::event::{Event, Permission};
use crate::values::{Code, Personal, Refusal};

/// Takes permissions from an actor.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokePermissions {
    pub actor: Personal<String>,
    #[schemars(length(min = 1))]
    pub permissions: Vec<Permission>,
}

impl Decide for RevokePermissions {
    const NEEDS: Option<Permission> = Some(Permission::Administer);

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        check_text("actor", &self.actor)?;
        if self.permissions.is_empty() {
            return Err(
                Refusal::new(Code::EnvelopeMalformed).saying("name at least one permission")
            );
        }
        let held: BTreeSet<Permission> = company.grants.held(&self.actor).collect();
        let asked: BTreeSet<Permission> = self.permissions.iter().copied().collect();
        let permissions: Vec<_> =
            asked.into_iter().filter(|permission| held.contains(permission)).collect();
        if permissions.is_empty() {
            return Ok(Decision::append(vec![]).with_result(Changed::result(vec![])));
        }
        let is_last = permissions.contains(&Permission::Administer)
            && !company.grants.has_other_administrator(&self.actor);
        if is_last {
            return Err(Code::AuthNoAdministrator.into());
        }
        let mut grants = company.grants.clone();
        grants.revoke(&self.actor, &permissions);
        check_reachable(company, &company.bindings, &grants)?;
        let result = permissions_changed(&self.actor, &company.grants, &grants);
        Ok(Decision::append(vec![Event::PermissionsRevoked {
            actor: self.actor.clone(),
            permissions,
        }])
        .with_result(result))
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Changed::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::GrantPermissions;
    use crate::decide::testing::given;

    fn grant(actor: &str, permissions: Vec<Permission>) -> GrantPermissions {
        GrantPermissions { actor: Personal(actor.to_owned()), permissions }
    }

    fn revoke(actor: &str, permissions: Vec<Permission>) -> RevokePermissions {
        RevokePermissions { actor: Personal(actor.to_owned()), permissions }
    }

    #[test]
    fn revoked_permission_is_not_held_any_more() {
        let company = given([])
            .after(grant("Jane@acme.example", vec![Permission::Administer]))
            .after(grant("joe", vec![Permission::Administer, Permission::BulkImportUsers]))
            .after(revoke("joe", vec![Permission::Administer, Permission::BulkImportUsers]));
        let held = company.0.grants.held("joe").count();
        assert_eq!(
            (held, company.0.grants.allows("Jane@acme.example", Permission::Administer)),
            (0, true)
        );
    }

    /// A45: the company always has an administrator.
    #[test]
    fn last_administrator_cannot_be_revoked() {
        use Permission::{Administer, BulkImportUsers};
        let company =
            given([]).after(grant("Jane@acme.example", vec![Administer, BulkImportUsers]));
        for permissions in [vec![Administer], vec![BulkImportUsers, Administer]] {
            company
                .when(revoke("JANE@acme.example", permissions))
                .then_refused(Code::AuthNoAdministrator);
        }
        let company = company.after(revoke("Jane@acme.example", vec![BulkImportUsers]));
        let company = company.after(grant("joe", vec![Administer]));
        company.after(revoke("Jane@acme.example", vec![Administer]));
    }
}
