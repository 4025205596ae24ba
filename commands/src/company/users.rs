//! The company's people, packed: a million of them fit in about 200 MB, found by their folded key.

use std::collections::BTreeSet;
use std::hash::Hasher as _;
use std::sync::Arc;

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use super::link::Link;
use super::user_id::UserId;
use crate::event::{Channel, Person};
use crate::values::{Phone, UserKey, folded};

mod snapshot;

/// Everybody the company's events have named by a key, created or not.
#[derive(Debug, Clone, Default)]
pub struct Users {
    slots: Vec<User>,
    /// Slots by the hash of their folded key.
    index: HashTable<u32>,
    names: Names,
}

/// Names that many people share, each kept once.
#[derive(Debug, Clone, Default)]
struct Names {
    org_units: BTreeSet<Arc<str>>,
    roles: BTreeSet<Arc<[Box<str>]>>,
}

impl Names {
    fn org_unit(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.org_units.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = name.into();
        self.org_units.insert(Arc::clone(&name));
        name
    }

    fn roles(&mut self, roles: &[Box<str>]) -> Arc<[Box<str>]> {
        if let Some(known) = self.roles.get(roles) {
            return Arc::clone(known);
        }
        let roles: Arc<[Box<str>]> = roles.into();
        self.roles.insert(Arc::clone(&roles));
        roles
    }
}

/// One person. What is personal is packed into one string, since there may be a million.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The key, then the packed values: one piece of memory for both.
    text: Box<str>,
    /// How much of the text is the key, in bytes.
    key_bytes: u32,
    /// Shared by all who have the same.
    pub org_unit: Option<Arc<str>>,
    /// Shared by all who have the same.
    pub roles: Arc<[Box<str>]>,
    pub phone: Option<Phone>,
    pub state: UserState,
    listed: Listed,
    /// The import that named the person last, by ordinal, and the row that did so first.
    pub seen: (u32, u32),
    links: Option<Box<[Link; Channel::ALL.len()]>>,
}

/// The corporate phones of a person, in the order they were added. Nearly everybody has one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
enum Listed {
    #[default]
    None,
    One(Phone),
    Many(Box<[Phone]>),
}

impl Listed {
    fn phones(&self) -> &[Phone] {
        match self {
            Self::None => &[],
            Self::One(phone) => std::slice::from_ref(phone),
            Self::Many(phones) => phones,
        }
    }
}

impl FromIterator<Phone> for Listed {
    fn from_iter<I: IntoIterator<Item = Phone>>(phones: I) -> Self {
        let phones: Vec<Phone> = phones.into_iter().collect();
        match phones.as_slice() {
            [] => Self::None,
            [phone] => Self::One(*phone),
            _ => Self::Many(phones.into_boxed_slice()),
        }
    }
}

/// Where a person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserState {
    /// Named by a row that could not be applied.
    NotCreated,
    Active,
    Deactivated,
    Archived,
}

/// Separates the packed values; no value holds it, since control characters are refused on entry.
const FIELD: char = '\u{1f}';
/// How many values are packed before the attributes: first name, last name and e-mail address.
const NAMED_FIELDS: usize = 3;
/// Separates the name of an attribute from its value.
const PAIR: char = '\u{1e}';

impl User {
    fn new(key: &str) -> Self {
        Self {
            text: key.into(),
            key_bytes: u32::try_from(key.len()).unwrap_or(u32::MAX),
            org_unit: None,
            roles: Arc::default(),
            phone: None,
            state: UserState::NotCreated,
            listed: Listed::None,
            seen: (0, 0),
            links: None,
        }
    }

    pub fn key(&self) -> UserKey {
        UserKey::new(self.halves().0)
    }

    /// The text of the key, without a copy of it.
    pub fn key_text(&self) -> &str {
        self.halves().0
    }

    /// The key, and the packed values.
    fn halves(&self) -> (&str, &str) {
        self.text.split_at_checked(self.key_bytes as usize).unwrap_or((&self.text, ""))
    }

    /// The corporate phones listed for the person, in the order they were added.
    pub fn listed(&self) -> &[Phone] {
        self.listed.phones()
    }

    pub(crate) fn list(&mut self, phone: Phone) {
        self.listed = self.listed().iter().copied().chain([phone]).collect();
    }

    pub(crate) fn unlist(&mut self, phone: Phone) {
        self.listed = self.listed().iter().copied().filter(|one| *one != phone).collect();
    }

    pub fn is_created(&self) -> bool {
        self.state != UserState::NotCreated
    }

    pub fn person(&self) -> Person {
        let mut fields = self.halves().1.split(FIELD);
        let mut next = || fields.next().filter(|text| !text.is_empty()).map(str::to_owned);
        let (first_name, last_name, email) = (next(), next(), next());
        let attributes = fields.filter_map(|pair| pair.split_once(PAIR));
        let attributes =
            attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Person { first_name, last_name, email, phone: self.phone, attributes }
    }

    /// The value of one attribute, without a copy of the person.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let pairs = self.halves().1.split(FIELD).skip(NAMED_FIELDS);
        let mut pairs = pairs.filter_map(|pair| pair.split_once(PAIR));
        pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub fn email(&self) -> Option<&str> {
        self.halves().1.split(FIELD).nth(2).filter(|email| !email.is_empty())
    }

    /// Whether the person was ever invited or linked on a channel.
    pub fn has_links(&self) -> bool {
        self.links.is_some()
    }

    pub fn link(&self, channel: Channel) -> Link {
        let links = self.links.as_deref();
        links.and_then(|links| links.get(channel as usize)).cloned().unwrap_or_default()
    }

    pub(crate) fn link_mut(&mut self, channel: Channel) -> Option<&mut Link> {
        self.links.get_or_insert_default().get_mut(channel as usize)
    }

    pub(crate) fn set_person(&mut self, person: &Person) {
        let clean =
            |text: &Option<String>| text.as_deref().unwrap_or("").replace([FIELD, PAIR], " ");
        let mut text = self.halves().0.to_owned();
        let values = [&person.first_name, &person.last_name, &person.email].map(clean);
        text.push_str(&values.join(&FIELD.to_string()));
        for (name, value) in &person.attributes {
            text.push(FIELD);
            text.push_str(&name.replace([FIELD, PAIR], " "));
            text.push(PAIR);
            text.push_str(&value.replace([FIELD, PAIR], " "));
        }
        self.text = text.into_boxed_str();
        self.phone = person.phone;
    }
}

impl Users {
    pub fn get(&self, id: UserId) -> Option<&User> {
        self.slots.get(id.0 as usize)
    }

    /// The person with this key, in any spelling, created or not.
    pub fn find(&self, key: &str) -> Option<(UserId, &User)> {
        let folded = folded(key);
        let slot = *self.index.find(hash(&folded), |&slot| self.is(slot, &folded))?;
        Some((UserId(slot), self.slots.get(slot as usize)?))
    }

    /// The person of this key, if it was created.
    pub fn created(&self, key: &str) -> Option<(UserId, &User)> {
        self.find(key).filter(|(_, user)| user.is_created())
    }

    /// How many people the company's events have named.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (UserId, &User)> {
        (0u32..).map(UserId).zip(&self.slots)
    }

    pub(crate) fn get_mut(&mut self, id: UserId) -> Option<&mut User> {
        self.slots.get_mut(id.0 as usize)
    }

    pub(crate) fn set_org_unit(&mut self, id: UserId, name: Option<&str>) {
        let name = name.map(|name| self.names.org_unit(name));
        if let Some(user) = self.get_mut(id) {
            user.org_unit = name;
        }
    }

    pub(crate) fn set_roles(&mut self, id: UserId, roles: &[Box<str>]) {
        let roles = self.names.roles(roles);
        if let Some(user) = self.get_mut(id) {
            user.roles = roles;
        }
    }

    /// The slot of this key, made if need be. A company's people are limited far below `u32::MAX`.
    pub(crate) fn enter(&mut self, key: &str) -> UserId {
        if let Some((id, _)) = self.find(key) {
            return id;
        }
        let slot = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(User::new(key));
        let slots = &self.slots;
        self.index.insert_unique(hash(&folded(key)), slot, |&slot| hash_of(slots, slot));
        UserId(slot)
    }

    fn is(&self, slot: u32, key: &str) -> bool {
        self.slots
            .get(slot as usize)
            .is_some_and(|user| user.halves().0 == key || folded(user.halves().0) == key)
    }
}

fn hash(folded: &str) -> u64 {
    // A fixed key: the same history gives the same table.
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(folded.as_bytes());
    hasher.finish()
}

fn hash_of(slots: &[User], slot: u32) -> u64 {
    slots.get(slot as usize).map_or(0, |user| hash(&folded(user.halves().0)))
}

impl PartialEq for Users {
    fn eq(&self, other: &Self) -> bool {
        self.slots == other.slots
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// N47, N48: a key in another case or with blanks is the same person; a key with a tag is another person.
    #[test]
    fn keys_are_compared_without_case_and_blanks() {
        let mut users = Users::default();
        let id = users.enter("A@X.example");
        assert_eq!(users.enter(" a@x.EXAMPLE "), id);
        assert_ne!(users.enter("a+tag@x.example"), id);
        assert_eq!(
            users.get(id).unwrap().key().as_str(),
            "A@X.example",
            "the first spelling stays"
        );
    }

    #[test]
    fn person_is_found_in_any_spelling_of_the_key() {
        let mut users = Users::default();
        let id = users.enter("Jane.Doe");
        assert_eq!(users.enter(" jane.DOE "), id);
        let person = Person {
            first_name: Some("Jane".to_owned()),
            last_name: None,
            email: Some("jane@acme.example".to_owned()),
            phone: None,
            attributes: BTreeMap::from([("title".to_owned(), "Head of “Ops”".to_owned())]),
        };
        users.get_mut(id).unwrap().set_person(&person);
        assert_eq!(users.find("JANE.doe").unwrap().1.person(), person);
        assert_eq!(users.find("JANE.doe").unwrap().1.email(), Some("jane@acme.example"));
        let jane = users.get(id).unwrap();
        assert_eq!((jane.attribute("title"), jane.attribute("t")), (Some("Head of “Ops”"), None));
    }
}
