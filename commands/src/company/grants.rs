//! The permissions of each actor.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::event::Permission;
use crate::values::fold;

/// The permissions of actors. Before the first grant every actor may do everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Grants {
    enforced: bool,
    by_actor: BTreeMap<String, BTreeSet<Permission>>,
}

impl Grants {
    pub fn allows(&self, actor: &str, permission: Permission) -> bool {
        !self.enforced
            || self.by_actor.get(&fold(actor)).is_some_and(|held| held.contains(&permission))
    }

    /// Whether the actor has a permission, whichever it is.
    pub fn allows_any(&self, actor: &str) -> bool {
        !self.enforced || self.held(actor).next().is_some()
    }

    /// Whether permissions are enforced: from the first grant on.
    pub fn enforced(&self) -> bool {
        self.enforced
    }

    /// Whether an actor other than this one may administer the company.
    pub fn has_other_administrator(&self, actor: &str) -> bool {
        let actor = fold(actor);
        self.by_actor
            .iter()
            .any(|(other, held)| *other != actor && held.contains(&Permission::Administer))
    }

    pub fn held(&self, actor: &str) -> impl Iterator<Item = Permission> + '_ {
        self.by_actor.get(&fold(actor)).into_iter().flatten().copied()
    }

    pub(crate) fn grant(&mut self, actor: &str, permissions: &[Permission]) {
        self.enforced = true;
        self.by_actor.entry(fold(actor)).or_default().extend(permissions);
    }

    pub(crate) fn revoke(&mut self, actor: &str, permissions: &[Permission]) {
        if let Some(held) = self.by_actor.get_mut(&fold(actor)) {
            held.retain(|permission| !permissions.contains(permission));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_enforced_from_the_first_grant_on() {
        let mut grants = Grants::default();
        assert!(grants.allows_any("joe") && grants.allows("joe", Permission::Administer));
        grants.grant("Ann", &[Permission::Accounts]);
        assert!(grants.allows_any("ann") && !grants.allows_any("joe"));
        assert!(grants.allows("ANN", Permission::Accounts));
        assert!(!grants.allows("ann", Permission::Administer));
        grants.revoke("ann", &[Permission::Accounts]);
        assert!(!grants.allows_any("ann") && grants.enforced());
    }
}
