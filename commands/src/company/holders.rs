//! The index of unique values: which person has this Agent ID or PBX ID.

use super::state::Company;
use super::user_id::UserId;
use super::users::{User, UserState};
use super::value_mark::{ValueMark, plain};
use crate::event::Person;

/// The attributes that the fold indexes. Frozen: names are added, never removed.
///
/// Which values must be unique is a rule of the dialects, and the fold calls no rule. So a dialect may drop an
/// attribute, and the index of a replayed company stays the same. An added name changes the index, so it also
/// needs a new number of the snapshots' format.
pub const INDEXED: [&str; 3] = ["agent_id", "employee_id", "pbx_id"];

/// The values of a person that are indexed, with their attributes.
fn indexed(person: &Person) -> impl Iterator<Item = (&str, &str)> {
    let values = person.attributes.iter().filter(|(name, _)| INDEXED.contains(&name.as_str()));
    values.map(|(name, value)| (name.as_str(), value.as_str()))
}

impl Company {
    /// The person who has this value of an indexed attribute.
    pub fn holder(&self, attribute: &str, value: &str) -> Option<(UserId, &User)> {
        let id = *self.holders.get(&ValueMark::of(attribute, value))?;
        let user = self.users.get(id).filter(|user| user.is_created())?;
        let held = user.attribute(attribute)?;
        (plain(held) == plain(value)).then_some((id, user))
    }

    /// The person who keeps this value: it is not released, as the values of archived people are.
    pub fn keeper(&self, attribute: &str, value: &str) -> Option<(UserId, &User)> {
        self.holder(attribute, value).filter(|(_, user)| user.state != UserState::Archived)
    }

    /// Indexes the values of a person. If two people have the same value, the first one holds it, unless that person
    /// is archived.
    pub(crate) fn index_values(&mut self, id: UserId, person: &Person) {
        for (name, value) in indexed(person) {
            if self.keeper(name, value).is_none() {
                self.holders.insert(ValueMark::of(name, value), id);
            }
        }
    }

    /// Sets the values of a person and indexes them.
    pub(crate) fn set_person(&mut self, id: UserId, person: &Person) {
        let before = |user: &User| {
            let mark = |name: &str| Some(ValueMark::of(name, user.attribute(name)?));
            INDEXED.map(mark)
        };
        for mark in self.users.get(id).map(before).into_iter().flatten().flatten() {
            if self.holders.get(&mark) == Some(&id) {
                self.holders.remove(&mark);
            }
        }
        self.index_values(id, person);
        self.forget_address(id);
        if let Some(user) = self.users.get_mut(id) {
            user.set_person(person);
        }
        self.remember_address(id);
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

    fn created_as(key: &str, person: Personal<Person>) -> Event {
        let (user, org_unit, row) = (who(key), None, None);
        Event::UserCreated { user, person, org_unit, roles: vec![], active: true, row }
    }

    fn created(key: &str, pbx: &str) -> Event {
        created_as(key, with_pbx(pbx))
    }

    fn updated(key: &str, pbx: &str) -> Event {
        let (user, person, changed) = (who(key), with_pbx(pbx), vec!["attributes".to_owned()]);
        Event::UserUpdated { user, person, org_unit: None, roles: vec![], changed, row: None }
    }

    /// P17: a person holds a value from creation until it changes, also while archived.
    #[test]
    fn unique_value_is_held_until_it_changes() {
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

    /// A41: the value of an archived person may be taken. A restored person holds it again if nobody has it.
    #[test]
    fn value_of_an_archived_person_is_released() {
        let archived = |key: &str| Event::UserArchived { user: who(key) };
        let taken = [created("ann", "7"), archived("ann"), created("bob", "7")];
        let keeper = |events: &[Event]| {
            let company = given(events.iter().cloned()).0;
            company.keeper("pbx_id", "7").map(|(_, user)| user.key().as_str().to_owned())
        };
        assert_eq!(keeper(&taken[..2]), None);
        assert_eq!(keeper(&taken).as_deref(), Some("bob"));
        let restored = Event::UserRestored { user: who("ann") };
        let back = [&taken[..], &[archived("bob"), restored]].concat();
        assert_eq!(keeper(&back).as_deref(), Some("ann"));
    }

    /// P17, P23: an undo that removes a person frees the value, also in snapshots.
    #[test]
    fn unique_value_is_free_when_its_holder_is_removed() {
        let removed = Event::UserRemoved { user: who("ann") };
        let company = given([created("ann", "7"), removed]).0;
        assert!(company.holders.is_empty() && company.holder("pbx_id", "7").is_none());
    }

    /// P17: stored events always give the same index. Add names to this list; never remove one.
    #[test]
    fn indexed_attributes_are_those_of_stored_history() {
        for name in ["agent_id", "employee_id", "pbx_id"] {
            let attributes = BTreeMap::from([(name.to_owned(), "7".to_owned())]);
            let person = Person { attributes, ..Person::default() };
            let company = given([created_as("ann", Personal(person))]).0;
            let holder = company.holder(name, "7").map(|(_, user)| user.key());
            assert_eq!(holder.unwrap().as_str(), "ann", "{name}");
        }
    }

    /// Only the values that must differ take room.
    #[test]
    fn other_attributes_are_not_indexed() {
        let attributes = BTreeMap::from([("title".to_owned(), "Clerk".to_owned())]);
        let person = Personal(Person { attributes, ..Person::default() });
        assert!(given([created_as("ann", person)]).0.holders.is_empty());
    }
}
