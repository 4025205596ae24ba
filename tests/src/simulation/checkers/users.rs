//! P8, P17: who may be mailed, and that keys, phones and ids are unique.

use std::collections::{BTreeMap, BTreeSet};

use boarding_commands::dialect;
use boarding_commands::event::{Channel, Delivery, Event, Person, Who};
use boarding_commands::values::{ImportId, Personal, Phone, RunId, fold};

use super::super::violation::{CheckResult, ensure};

#[derive(Debug, Clone, Default)]
pub(super) struct UserChecker {
    users: BTreeMap<String, UserState>,
    phones: BTreeMap<Phone, String>,
    /// The address that each recipient of a run was mailed at.
    mailed: BTreeMap<(RunId, String), String>,
    suppressed: BTreeSet<String>,
    /// The user of each Agent ID and PBX ID, by attribute name and value.
    ids: BTreeMap<(String, String), String>,
    /// The imports whose users need no corporate phone for an invitation.
    phoneless: BTreeSet<ImportId>,
    /// The last import with a row of each user.
    last_import: BTreeMap<String, ImportId>,
    accounts: BTreeSet<String>,
}

#[derive(Debug, Clone, Default)]
struct UserState {
    active: bool,
    email: Option<String>,
    person: Person,
    linked: BTreeSet<Channel>,
}

impl UserChecker {
    /// P8: the claimed recipient may be mailed.
    pub(super) fn check_may_be_mailed(&self, event: &Event, channel: Channel) -> CheckResult {
        let Event::InviteDispatched { user, email, device, .. } = event else { return Ok(()) };
        let Some(state) = self.users.get(&user.folded()) else {
            return Err("P8 a mail to a user who was not created".to_owned());
        };
        ensure!(state.active, "P8 a mail to an archived or deactivated user");
        ensure!(!state.linked.contains(&channel), "P8 a mail to a linked user");
        let key = user.folded();
        let phoneless = self.accounts.contains(&key)
            || self.last_import.get(&key).is_some_and(|import| self.phoneless.contains(import));
        ensure!(
            phoneless || self.phones.values().any(|owner| *owner == key),
            "P8 a mail to a user without a corporate phone"
        );
        let is_own = match device {
            Some(number) => {
                let is_device = self.accounts.contains(&key) && state.email.is_none();
                is_device && email.is_empty() && state.person.phone == Some(**number)
            }
            None => state.email.as_deref() == Some(email.as_str()),
        };
        ensure!(is_own, "P8 a mail to an address that is not the user's");
        let address = address(email, device.as_ref());
        ensure!(!self.suppressed.contains(&address), "P8 a mail to an address that bounced");
        Ok(())
    }

    pub(super) fn observe(&mut self, event: &Event) -> CheckResult {
        self.observe_import_row(event);
        match event {
            Event::ImportAccepted { import, options, .. } => {
                let dialect = dialect::find(&options.dialect);
                if dialect.is_some_and(|dialect| !dialect.needs_corporate_phone()) {
                    self.phoneless.insert(*import);
                }
            }
            Event::AccountOpened { user, .. } => {
                self.accounts.insert(user.folded());
            }
            Event::UserCreated { user, person, active, .. } => {
                let state = UserState {
                    active: *active,
                    email: person.email.clone(),
                    person: (**person).clone(),
                    linked: BTreeSet::new(),
                };
                ensure!(
                    self.users.insert(user.folded(), state).is_none(),
                    "P17 a key was created twice"
                );
                self.check_unique_ids(user, person)?;
            }
            Event::UserUpdated { user, person, .. } => {
                let state = self.user(user)?;
                state.email = person.email.clone();
                state.person = (**person).clone();
                self.check_unique_ids(user, person)?;
            }
            Event::UserActivated { user, .. } => self.user(user)?.active = true,
            Event::UserRestored { user } => self.restored(user)?,
            Event::UserDeactivated { user, .. } => self.user(user)?.active = false,
            Event::UserArchived { user } => self.archived(user)?,
            Event::UserRemoved { user } => self.removed(user)?,
            Event::UserLinked { user, channel, .. } => {
                ensure!(
                    self.user(user)?.linked.insert(*channel),
                    "P21 a user was linked twice on one channel"
                );
            }
            Event::UserUnlinked { user, channel } => {
                self.user(user)?.linked.remove(channel);
            }
            Event::CorporatePhoneAdded { phone, user, .. } => {
                let before = self.phones.insert(**phone, user.folded());
                ensure!(before.is_none(), "P17 a corporate phone was added for a second user");
            }
            Event::CorporatePhoneRemoved { phone, .. } => {
                ensure!(
                    self.phones.remove(&**phone).is_some(),
                    "P17 an unknown corporate phone was removed"
                );
            }
            Event::InviteDispatched { run, user, email, device, .. } => {
                self.mailed.insert((*run, user.folded()), address(email, device.as_ref()));
            }
            Event::DeliveryRecorded {
                run,
                user,
                delivery: Delivery::BouncedHard | Delivery::Complained,
                ..
            } => {
                self.suppressed.extend(self.mailed.get(&(*run, user.folded())).cloned());
            }
            _ => {}
        }
        Ok(())
    }

    fn restored(&mut self, user: &Who) -> CheckResult {
        let state = self.user(user)?;
        state.active = true;
        let person = state.person.clone();
        self.check_unique_ids(user, &person)
    }

    /// An archived user has released the ids.
    fn archived(&mut self, user: &Who) -> CheckResult {
        self.user(user)?.active = false;
        let key = user.folded();
        self.ids.retain(|_, owner| *owner != key);
        Ok(())
    }

    fn removed(&mut self, user: &Who) -> CheckResult {
        let key = user.folded();
        let removed = self.users.remove(&key);
        self.ids.retain(|_, owner| *owner != key);
        self.accounts.remove(&key);
        ensure!(
            removed.is_some_and(|state| state.linked.is_empty()),
            "P23 a removed user is linked or unknown"
        );
        ensure!(
            !self.phones.values().any(|owner| *owner == key),
            "P23 a removed user has a corporate phone"
        );
        Ok(())
    }

    fn observe_import_row(&mut self, event: &Event) {
        let user = match event {
            Event::RowRefused { user, .. } => user.as_ref(),
            Event::UserCreated { user, .. }
            | Event::UserUpdated { user, .. }
            | Event::UserActivated { user, .. }
            | Event::UserDeactivated { user, .. }
            | Event::RowUnchanged { user, .. } => Some(user),
            _ => None,
        };
        if let (Some(user), Some((_, row))) = (user, event.row()) {
            self.last_import.insert(user.folded(), row.import);
        }
    }

    /// P17: an Agent ID and a PBX ID belong to one user. Spelling variants are equal.
    fn check_unique_ids(&mut self, user: &Who, person: &Person) -> CheckResult {
        let key = user.folded();
        self.ids.retain(|_, owner| *owner != key);
        for name in ["agent_id", "pbx_id"] {
            let Some(value) = person.attributes.get(name) else { continue };
            let before = self.ids.insert((name.to_owned(), fold(value)), key.clone());
            ensure!(before.is_none(), "P17 two users have the same {name}");
        }
        Ok(())
    }

    fn user(&mut self, user: &Who) -> Result<&mut UserState, String> {
        self.users
            .get_mut(&user.folded())
            .ok_or_else(|| "P17 an event of a user who was not created".to_owned())
    }
}

/// The address of a claim: the number of a device, else the e-mail address.
fn address(email: &str, device: Option<&Personal<Phone>>) -> String {
    device.map_or_else(|| fold(email), |number| number.to_string())
}
