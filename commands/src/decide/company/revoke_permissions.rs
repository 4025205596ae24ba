//! `RevokePermissions`: takes permissions from an actor.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::company::Company;
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
            return Ok(Decision::append(vec![]));
        }
        Ok(Decision::append(vec![Event::PermissionsRevoked {
            actor: self.actor.clone(),
            permissions,
        }]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::GrantPermissions;
    use crate::decide::testing::given;

    #[test]
    fn a_permission_taken_is_gone() {
        let actor = || Personal("jane@acme.example".to_owned());
        let permissions = vec![Permission::Administer];
        let company =
            given([]).after(GrantPermissions { actor: actor(), permissions: permissions.clone() });
        let company =
            company.after(RevokePermissions { actor: actor(), permissions: permissions.clone() });
        company
            .when(RevokePermissions { actor: actor(), permissions })
            .then_refused(Code::AuthPermissionDenied);
    }
}
