//! A user as events describe it: the key, and the personal data beside it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{Personal, Phone, UserKey};

/// The key of the user that an event is about.
pub type Who = Personal<UserKey>;

/// What is kept of a person beside the key: all of it personal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<Phone>,
    /// A dialect's own columns, by their normalised names.
    pub attributes: BTreeMap<String, String>,
}

impl Person {
    /// The first and the last name, joined by a blank. A missing name is left out.
    pub fn full_name(&self) -> String {
        let names = [&self.first_name, &self.last_name];
        names.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_name_has_the_names_that_are_known() {
        let name = |first: Option<&str>, last: Option<&str>| {
            let (first_name, last_name) = (first.map(str::to_owned), last.map(str::to_owned));
            Person { first_name, last_name, ..Person::default() }.full_name()
        };
        assert_eq!(name(Some("Jane"), Some("Doe")), "Jane Doe");
        assert_eq!((name(None, Some("Doe")), name(None, None)), ("Doe".to_owned(), String::new()));
    }
}
