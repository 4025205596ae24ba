//! Rules of users and corporate phones.

use std::collections::{HashMap, HashSet};

use boarding_commands::event::{Channel, Event, Who};
use boarding_commands::values::Phone;

use super::rule::{Rule, RuleBreak, RuleResult, require};

#[derive(Debug, Default)]
pub(super) struct PeopleRules {
    /// The channels of each user who exists.
    users: HashMap<String, HashSet<Channel>>,
    /// The user of each corporate phone.
    phones: HashMap<Phone, String>,
}

impl PeopleRules {
    pub(super) fn observe(&mut self, event: &Event) -> RuleResult {
        match event {
            Event::UserCreated { user, .. } => {
                let before = self.users.insert(user.folded(), HashSet::new());
                require(before.is_none(), Rule::UserState, || "a user is created twice".to_owned())
            }
            Event::UserUpdated { user, .. }
            | Event::UserActivated { user, .. }
            | Event::UserDeactivated { user, .. }
            | Event::UserArchived { user }
            | Event::UserRestored { user }
            | Event::RolesAssigned { user, .. }
            | Event::RolesRemoved { user, .. }
            | Event::AccountOpened { user, .. } => self.user(user).map(drop),
            Event::UserRemoved { user } => self.removed(user),
            Event::UserLinked { user, channel, .. } => {
                let is_new = self.user(user)?.insert(*channel);
                require(is_new, Rule::UserState, || {
                    format!("a user is linked twice on {}", channel.as_str())
                })
            }
            Event::UserUnlinked { user, channel } => {
                let was_linked = self.user(user)?.remove(channel);
                require(was_linked, Rule::UserState, || {
                    format!("a user without a link on {} is unlinked", channel.as_str())
                })
            }
            Event::CorporatePhoneAdded { phone, user, .. } => {
                self.user(user)?;
                let before = self.phones.insert(**phone, user.folded());
                require(before.is_none(), Rule::PhoneOwner, || {
                    "a phone is added to the corporate phone list twice".to_owned()
                })
            }
            Event::CorporatePhoneRemoved { phone, user } => {
                let before = self.phones.remove(&**phone);
                require(before == Some(user.folded()), Rule::PhoneOwner, || {
                    "a phone is removed from a user who does not have it".to_owned()
                })
            }
            _ => Ok(()),
        }
    }

    fn removed(&mut self, user: &Who) -> RuleResult {
        let links = self.users.remove(&user.folded());
        require(links.is_some_and(|links| links.is_empty()), Rule::UserState, || {
            "a user is removed who is linked or does not exist".to_owned()
        })
    }

    fn user(&mut self, user: &Who) -> Result<&mut HashSet<Channel>, RuleBreak> {
        self.users.get_mut(&user.folded()).ok_or_else(|| RuleBreak {
            rule: Rule::UserState,
            what: "an event is about a user who was not created".to_owned(),
        })
    }
}
