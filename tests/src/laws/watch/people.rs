//! P8 and P17: who may be mailed, whose number a number is.

use std::collections::{BTreeMap, BTreeSet};

use boarding_commands::dialect;
use boarding_commands::event::{Channel, Delivery, Event, Person, Who};
use boarding_commands::id::{ImportId, RunId, fold};
use boarding_commands::phone::Phone;

use super::super::broken::{Law, holds};

#[derive(Debug, Clone, Default)]
pub(super) struct People {
    known: BTreeMap<String, Seen>,
    phones: BTreeMap<Phone, String>,
    /// The address each recipient's mail went to.
    mailed: BTreeMap<(RunId, String), String>,
    suppressed: BTreeSet<String>,
    /// Whose each Agent ID and each PBX ID is.
    ids: BTreeMap<(String, String), String>,
    /// The imports whose people are invited without a corporate phone.
    phoneless: BTreeSet<ImportId>,
    /// The import that named somebody last.
    named: BTreeMap<String, ImportId>,
    accounts: BTreeSet<String>,
}

#[derive(Debug, Clone, Default)]
struct Seen {
    active: bool,
    email: Option<String>,
    linked: BTreeSet<Channel>,
}

impl People {
    /// P8, at the claim that precedes a mail.
    pub(super) fn may_be_mailed(&self, event: &Event, channel: Channel) -> Law {
        let Event::InviteDispatched { user, email, .. } = event else { return Ok(()) };
        let Some(seen) = self.known.get(&user.folded()) else {
            return Err("P8 a mail to somebody who was not created".to_owned());
        };
        holds!(seen.active, "P8 a mail to somebody archived or deactivated");
        holds!(!seen.linked.contains(&channel), "P8 a mail to somebody linked");
        let key = user.folded();
        let phoneless = self.accounts.contains(&key)
            || self.named.get(&key).is_some_and(|import| self.phoneless.contains(import));
        holds!(
            phoneless || self.phones.values().any(|owner| *owner == key),
            "P8 a mail to somebody without a number"
        );
        holds!(
            seen.email.as_deref() == Some(email.as_str()),
            "P8 a mail to another address than the one on record"
        );
        holds!(!self.suppressed.contains(&fold(email)), "P8 a mail to an address that bounced");
        Ok(())
    }

    pub(super) fn note(&mut self, event: &Event) -> Law {
        self.named(event);
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
                let seen =
                    Seen { active: *active, email: person.email.clone(), linked: BTreeSet::new() };
                holds!(
                    self.known.insert(user.folded(), seen).is_none(),
                    "P17 a key is created twice"
                );
                self.has(user, person)?;
            }
            Event::UserUpdated { user, person, .. } => {
                self.person(user)?.email = person.email.clone();
                self.has(user, person)?;
            }
            Event::UserActivated { user, .. } | Event::UserRestored { user } => {
                self.person(user)?.active = true;
            }
            Event::UserDeactivated { user, .. } | Event::UserArchived { user } => {
                self.person(user)?.active = false;
            }
            Event::UserRemoved { user } => {
                let gone = self.known.remove(&user.folded());
                self.ids.retain(|_, owner| *owner != user.folded());
                self.accounts.remove(&user.folded());
                holds!(
                    gone.is_some_and(|seen| seen.linked.is_empty()),
                    "P23 somebody is removed who is linked, or not there"
                );
                holds!(
                    !self.phones.values().any(|owner| *owner == user.folded()),
                    "P23 somebody is removed whose number is listed"
                );
            }
            Event::UserLinked { user, channel, .. } => {
                holds!(
                    self.person(user)?.linked.insert(*channel),
                    "P21 a second link of one channel"
                );
            }
            Event::UserUnlinked { user, channel } => {
                self.person(user)?.linked.remove(channel);
            }
            Event::CorporatePhoneAdded { phone, user, .. } => {
                let before = self.phones.insert(**phone, user.folded());
                holds!(before.is_none(), "P17 a number is listed for a second user");
            }
            Event::CorporatePhoneRemoved { phone, .. } => {
                holds!(
                    self.phones.remove(&**phone).is_some(),
                    "P17 a number is removed that was not listed"
                );
            }
            Event::InviteDispatched { run, user, email, .. } => {
                self.mailed.insert((*run, user.folded()), fold(email));
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

    /// Takes note of the import that names somebody.
    fn named(&mut self, event: &Event) {
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
            self.named.insert(user.folded(), row.import);
        }
    }

    /// P17: an Agent ID and a PBX ID are one person's, in whatever spelling.
    fn has(&mut self, user: &Who, person: &Person) -> Law {
        let key = user.folded();
        self.ids.retain(|_, owner| *owner != key);
        for name in ["agent_id", "pbx_id"] {
            let Some(value) = person.attributes.get(name) else { continue };
            let before = self.ids.insert((name.to_owned(), fold(value)), key.clone());
            holds!(before.is_none(), "P17 one {name} is given to two people");
        }
        Ok(())
    }

    fn person(&mut self, user: &Who) -> Result<&mut Seen, String> {
        self.known
            .get_mut(&user.folded())
            .ok_or_else(|| "P17 an event of somebody who was not created".to_owned())
    }
}
