//! Whom a run is for: the source as it was asked, resolved against the company as it stands.

use std::collections::BTreeSet;

use super::users::{InvitationState, User, UserId, UserState};
use super::{Company, Import, Undo};
use crate::event::{Channel, ResendFilter, Source, Who};
use crate::values::{Code, Refusal, UserKey};
use serde_json::json;

/// The people of a run, each once, in the order they will be served.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    pub picks: Vec<Pick>,
    /// How often somebody was named again (A8).
    pub duplicates_removed: u64,
}

/// One person of a selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    Known(UserId),
    /// A key that no event has named yet: the recipient will fail as not created.
    New(UserKey),
}

impl Company {
    /// The key of a picked person.
    pub fn key_of(&self, pick: &Pick) -> UserKey {
        match pick {
            Pick::Known(id) => self.users.get(*id).map_or_else(|| UserKey::new(""), User::key),
            Pick::New(key) => key.clone(),
        }
    }

    /// Resolves a source. The same company and source give the same list: the rule counts it, the fold
    /// freezes it, and a restart finds it again.
    ///
    /// # Errors
    /// `import.*` and `org_unit.*`, naming what was not found.
    pub fn select(&self, source: &Source, channel: Channel) -> Result<Selection, Refusal> {
        match source {
            Source::Import(id) => {
                let import = self.imports.get(id).ok_or(Code::ImportNotFound)?;
                if !import.completed {
                    return Err(Code::ImportNotCompleted.into());
                }
                if import.undo != Undo::No {
                    return Err(Code::ImportAlreadyUndone.into());
                }
                Ok(of_import(import))
            }
            Source::OrgUnits { org_units, include_descendants } => {
                self.of_org_units(org_units, *include_descendants)
            }
            Source::Users(keys) => Ok(self.of_keys(keys)),
            Source::Resend { users, filter: None } => Ok(self.of_keys(users)),
            Source::Resend { filter: Some(filter), .. } => Ok(self.of_filter(*filter, channel)),
        }
    }

    fn of_org_units(
        &self,
        names: &[String],
        include_descendants: bool,
    ) -> Result<Selection, Refusal> {
        let named: Vec<&str> = names.iter().map(String::as_str).collect();
        let unknown: Vec<_> =
            named.iter().filter(|name| !self.org_units.contains_key(**name)).collect();
        if !unknown.is_empty() {
            return Err(Refusal::new(Code::OrgUnitNotFound).with(json!({"org_units": unknown})));
        }
        let units = if include_descendants {
            self.with_descendants(&named)
        } else {
            named.iter().copied().collect()
        };
        let lacking: Vec<_> = units
            .iter()
            .filter(|name| self.org_units.get(**name).is_some_and(|unit| !self.may_integrate(unit)))
            .collect();
        if !lacking.is_empty() {
            return Err(
                Refusal::new(Code::OrgUnitRoleLacksPermission).with(json!({"org_units": lacking}))
            );
        }
        let belongs = |unit: Option<&str>| unit.is_some_and(|unit| units.contains(unit));
        let users = self
            .users
            .iter()
            .filter(|(_, user)| user.is_created() && belongs(user.org_unit.as_deref()));
        let picks = users.map(|(id, _)| Pick::Known(id)).collect();
        let distinct = named.iter().collect::<BTreeSet<_>>().len();
        Ok(Selection { picks, duplicates_removed: (named.len() - distinct) as u64 })
    }

    fn with_descendants<'a>(&'a self, named: &[&'a str]) -> BTreeSet<&'a str> {
        let mut units: BTreeSet<&str> = named.iter().copied().collect();
        loop {
            let before = units.len();
            for (name, unit) in &self.org_units {
                if unit.parent.as_deref().is_some_and(|parent| units.contains(parent)) {
                    units.insert(name);
                }
            }
            if units.len() == before {
                return units;
            }
        }
    }

    fn of_keys(&self, keys: &[Who]) -> Selection {
        let mut selection = Selection::default();
        let mut listed = BTreeSet::new();
        for key in keys {
            if !listed.insert(key.folded()) {
                selection.duplicates_removed += 1;
                continue;
            }
            let known = self.users.find(key.as_str()).map(|(id, _)| Pick::Known(id));
            selection.picks.push(known.unwrap_or_else(|| Pick::New(key.0.clone())));
        }
        selection
    }

    fn of_filter(&self, filter: ResendFilter, channel: Channel) -> Selection {
        let wanted = |state: Option<InvitationState>| match filter {
            ResendFilter::Bounced => state == Some(InvitationState::Bounced),
            ResendFilter::Expired => state == Some(InvitationState::Expired),
            ResendFilter::NotInvited => state.is_none(),
        };
        let users = self.users.iter().filter(|(_, user)| {
            let link = user.link(channel);
            user.state == UserState::Active
                && !link.linked
                && wanted(link.invitation.map(|one| one.state))
        });
        Selection { picks: users.map(|(id, _)| Pick::Known(id)).collect(), duplicates_removed: 0 }
    }
}

/// The people of an import; in the run that it asks for itself only those whom it created, if it says so.
fn of_import(import: &Import) -> Selection {
    if import.invites.is_some_and(|invites| invites.created_only) {
        let picks = import.invitees.iter().copied().map(Pick::Known).collect();
        return Selection { picks, duplicates_removed: 0 };
    }
    let picks = import.members.iter().copied().map(Pick::Known).collect();
    Selection { picks, duplicates_removed: import.counts.duplicate }
}
