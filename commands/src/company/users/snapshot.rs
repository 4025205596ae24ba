//! The form of people in snapshots of their company: shared names are stored once, so that reading a person takes one
//! allocation.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use hashbrown::HashTable;
use serde::de::{DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde::ser::SerializeTuple as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Listed, Names, User, UserState, Users, hash_of};
use crate::company::link::Link;
use crate::event::Channel;
use crate::values::Phone;

/// The number of parts: the org units, the lists of roles, and the people.
const PARTS: usize = 3;

/// A person with the numbers of the shared names.
#[derive(Serialize, Deserialize)]
struct Stored<Text, Phones, Links> {
    text: Text,
    key_bytes: u32,
    org_unit: Option<u32>,
    roles: u32,
    phone: Option<Phone>,
    state: UserState,
    listed: Phones,
    seen: (u32, u32),
    links: Option<Links>,
}

type Links = [Link; Channel::ALL.len()];

impl Serialize for Users {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut numbers = Numbers::default();
        for user in &self.slots {
            number(&mut numbers.roles, &*user.roles);
            if let Some(name) = &user.org_unit {
                number(&mut numbers.org_units, &**name);
            }
        }
        let mut tuple = serializer.serialize_tuple(PARTS)?;
        tuple.serialize_element(&in_order(&numbers.org_units))?;
        tuple.serialize_element(&in_order(&numbers.roles))?;
        tuple.serialize_element(&Slots { slots: &self.slots, numbers: &numbers })?;
        tuple.end()
    }
}

/// The numbers of the shared names, from 0 in the order of their first use.
#[derive(Default)]
struct Numbers<'a> {
    org_units: BTreeMap<&'a str, u32>,
    roles: BTreeMap<&'a [Box<str>], u32>,
}

fn number<N: Ord>(numbers: &mut BTreeMap<N, u32>, name: N) {
    let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
    numbers.entry(name).or_insert(next);
}

fn in_order<N: Copy>(numbers: &BTreeMap<N, u32>) -> Vec<N> {
    let mut names: Vec<(u32, N)> = numbers.iter().map(|(name, number)| (*number, *name)).collect();
    names.sort_unstable_by_key(|(number, _)| *number);
    names.into_iter().map(|(_, name)| name).collect()
}

struct Slots<'a> {
    slots: &'a [User],
    numbers: &'a Numbers<'a>,
}

impl Serialize for Slots<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Numbers { org_units, roles } = self.numbers;
        serializer.collect_seq(self.slots.iter().map(|user| Stored {
            text: &*user.text,
            key_bytes: user.key_bytes,
            org_unit: user.org_unit.as_deref().and_then(|name| org_units.get(name)).copied(),
            roles: roles.get(&*user.roles).copied().unwrap_or_default(),
            phone: user.phone,
            state: user.state,
            listed: &user.listed,
            seen: user.seen,
            links: user.links.as_deref(),
        }))
    }
}

impl<'de> Deserialize<'de> for Users {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(PARTS, UsersVisitor)
    }
}

struct UsersVisitor;

impl<'de> Visitor<'de> for UsersVisitor {
    type Value = Users;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("org units, lists of roles, and people")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Users, A::Error> {
        let missing = |part| A::Error::invalid_length(part, &self);
        let org_units: Vec<Arc<str>> = parts.next_element()?.ok_or_else(|| missing(0))?;
        let roles: Vec<Arc<[Box<str>]>> = parts.next_element()?.ok_or_else(|| missing(1))?;
        let names = Shared { org_units: &org_units, roles: &roles };
        let slots = parts.next_element_seed(names)?.ok_or_else(|| missing(2))?;
        let mut index = HashTable::with_capacity(slots.len());
        for slot in 0..u32::try_from(slots.len()).unwrap_or(u32::MAX) {
            index.insert_unique(hash_of(&slots, slot), slot, |&slot| hash_of(&slots, slot));
        }
        let names = Names {
            org_units: org_units.into_iter().collect(),
            roles: roles.into_iter().collect(),
        };
        Ok(Users { slots, index, names })
    }
}

/// The shared names by their numbers.
struct Shared<'a> {
    org_units: &'a [Arc<str>],
    roles: &'a [Arc<[Box<str>]>],
}

impl Shared<'_> {
    /// The person. None if the number of a name is unknown.
    fn user(&self, stored: Stored<Box<str>, Listed, Box<Links>>) -> Option<User> {
        let org_unit = match stored.org_unit {
            Some(number) => Some(Arc::clone(self.org_units.get(number as usize)?)),
            None => None,
        };
        Some(User {
            text: stored.text,
            key_bytes: stored.key_bytes,
            org_unit,
            roles: Arc::clone(self.roles.get(stored.roles as usize)?),
            phone: stored.phone,
            state: stored.state,
            listed: stored.listed,
            seen: stored.seen,
            links: stored.links,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Shared<'_> {
    type Value = Vec<User>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<User>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Shared<'_> {
    type Value = Vec<User>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("people")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut people: A) -> Result<Vec<User>, A::Error> {
        let mut slots = Vec::with_capacity(people.size_hint().unwrap_or_default());
        while let Some(stored) = people.next_element()? {
            let user = self.user(stored);
            slots.push(user.ok_or_else(|| A::Error::custom("a name has no number"))?);
        }
        Ok(slots)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn people() -> Users {
        let mut users = Users::default();
        let all: [(&str, Option<&str>, &[&str]); 4] = [
            ("ann", Some("EMEA"), &["Agent"]),
            ("bob", Some("APAC"), &[]),
            ("cid", None, &["Agent"]),
            ("dee", Some("EMEA"), &["Agent", "Lead"]),
        ];
        for (key, unit, roles) in all {
            let id = users.enter(key);
            users.set_org_unit(id, unit);
            let roles: Vec<Box<str>> = roles.iter().map(|role| Box::from(*role)).collect();
            users.set_roles(id, &roles);
        }
        users
    }

    #[test]
    fn snapshot_keeps_people_and_stores_each_shared_name_once() {
        let users = people();
        let stored = serde_json::to_value(&users).unwrap();
        assert_eq!(stored[0], json!(["EMEA", "APAC"]));
        assert_eq!(stored[1], json!([["Agent"], [], ["Agent", "Lead"]]));
        let mut read: Users = serde_json::from_value(stored).unwrap();
        assert!(read == users && read.len() == 4 && !read.is_empty());
        let (id, dee) = read.find("DEE").unwrap();
        assert_eq!((dee.org_unit.as_deref(), dee.roles.len()), (Some("EMEA"), 2));
        read.set_org_unit(id, None);
        assert!(read != users);
        assert!(Users::default().is_empty());
    }

    #[test]
    fn damaged_snapshot_of_people_is_rejected() {
        let stored = serde_json::to_value(people()).unwrap();
        for (part, damaged, message) in [
            ("/2/0/org_unit", json!(2), "a name has no number"),
            ("/2/0/roles", json!(3), "a name has no number"),
            ("/2", json!(0), "expected people"),
            ("", json!(0), "expected org units, lists of roles, and people"),
        ] {
            let mut stored = stored.clone();
            *stored.pointer_mut(part).unwrap() = damaged;
            let error = serde_json::from_value::<Users>(stored).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
