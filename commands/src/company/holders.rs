//! The holders of values that no two people of a company share: Agent IDs, PBX IDs.

use super::state::Company;
use super::user_id::UserId;
use super::users::User;
use super::value_mark::{ValueMark, plain};
use crate::dialect;
use crate::event::Person;

/// Whether no two people of a company may have the same value of this attribute.
pub(crate) fn is_unique(attribute: &str) -> bool {
    dialect::ALL.iter().any(|one| one.unique().contains(&attribute))
}

/// The values of a person that must be unique in the company, with their attributes.
pub(crate) fn unique(person: &Person) -> impl Iterator<Item = (&str, &str)> {
    let values = person.attributes.iter().filter(|(name, _)| is_unique(name));
    values.map(|(name, value)| (name.as_str(), value.as_str()))
}

impl Company {
    /// The person who has this value of an attribute that no two people share.
    pub fn holder(&self, attribute: &str, value: &str) -> Option<(UserId, &User)> {
        let id = *self.holders.get(&ValueMark::of(attribute, value))?;
        let user = self.users.get(id).filter(|user| user.is_created())?;
        let held = user.person().attributes.remove(attribute)?;
        (plain(&held) == plain(value)).then_some((id, user))
    }

    /// Takes note of a person's values. History is never refused: of two people with one value, the first has it.
    pub(crate) fn set_person(&mut self, id: UserId, person: &Person) {
        let before = self.users.get(id).map(User::person).unwrap_or_default();
        for (name, value) in unique(&before) {
            let mark = ValueMark::of(name, value);
            if self.holders.get(&mark) == Some(&id) {
                self.holders.remove(&mark);
            }
        }
        for (name, value) in unique(person) {
            if self.holder(name, value).is_none() {
                self.holders.insert(ValueMark::of(name, value), id);
            }
        }
        if let Some(user) = self.users.get_mut(id) {
            user.set_person(person);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::decide::testing::{given, who};
    use crate::event::Event;
    use crate::values::Personal;

    fn with_pbx(pbx: &str) -> Personal<Person> {
        let attributes = BTreeMap::from([("pbx_id".to_owned(), pbx.to_owned())]);
        Personal(Person { attributes, ..Person::default() })
    }

    fn created(key: &str, pbx: &str) -> Event {
        let (user, person) = (who(key), with_pbx(pbx));
        Event::UserCreated { user, person, org_unit: None, roles: vec![], active: true, row: None }
    }

    fn updated(key: &str, pbx: &str) -> Event {
        let (user, person, changed) = (who(key), with_pbx(pbx), vec!["attributes".to_owned()]);
        Event::UserUpdated { user, person, org_unit: None, roles: vec![], changed, row: None }
    }

    /// P17: a person holds a value from creation until it changes, also while archived.
    #[test]
    fn p17_a_value_is_held_until_it_is_changed() {
        let archived = Event::UserArchived { user: who("ann") };
        let company = given([created("ann", "7"), archived]).0;
        let holder = |company: &Company, value: &str| {
            company.holder("pbx_id", value).map(|(_, user)| user.key().as_str().to_owned())
        };
        assert_eq!(holder(&company, " ７ ").as_deref(), Some("ann"));
        assert_eq!(holder(&company, "007"), None, "compared as text");
        assert_eq!(company.holder("agent_id", "7").map(|_| ()), None);
        let company = given([created("ann", "7"), updated("ann", "8"), created("bob", "7")]).0;
        assert_eq!(holder(&company, "8").as_deref(), Some("ann"));
        assert_eq!(holder(&company, "7").as_deref(), Some("bob"));
    }

    /// P17, P23: an undo that removes a person frees the value, also in snapshots.
    #[test]
    fn p23_a_value_is_free_once_its_holder_is_removed() {
        let removed = Event::UserRemoved { user: who("ann") };
        let company = given([created("ann", "7"), removed]).0;
        assert!(company.holders.is_empty() && company.holder("pbx_id", "7").is_none());
    }

    /// Only the values that must differ take room.
    #[test]
    fn other_attributes_are_not_indexed() {
        let attributes = BTreeMap::from([("title".to_owned(), "Clerk".to_owned())]);
        let person = Personal(Person { attributes, ..Person::default() });
        let user = who("ann");
        let event = Event::UserCreated {
            user,
            person,
            org_unit: None,
            roles: vec![],
            active: true,
            row: None,
        };
        assert!(given([event]).0.holders.is_empty());
    }
}
