//! Personal data: a separate type, so that it can be encrypted and erased later.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::schema::PERSONAL;

/// A value that belongs to a person.
///
/// * `Debug` never shows it, so that no log line or panic carries it.
/// * In a human-readable form (JSON) it is the bare value.
/// * In the stored form it is the pair `[0, value]`. The number is the form of the value: 0 is plain text; 1 is
///   reserved for values encrypted with a key of the person. Hashes cover the stored form, so deleting a key will not
///   break the hash chain.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Personal<T>(pub T);

/// The stored form's number for a value in the clear.
const IN_THE_CLEAR: u8 = 0;

impl<T> Personal<T> {
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Personal<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Personal<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T: Serialize> Serialize for Personal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            self.0.serialize(serializer)
        } else {
            (IN_THE_CLEAR, &self.0).serialize(serializer)
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Personal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return T::deserialize(deserializer).map(Self);
        }
        match <(u8, T)>::deserialize(deserializer)? {
            (IN_THE_CLEAR, value) => Ok(Self(value)),
            (kind, _) => {
                Err(D::Error::custom(format_args!("personal field of unknown kind {kind}")))
            }
        }
    }
}

/// The schema of the value, marked as personal data.
impl<T: JsonSchema> JsonSchema for Personal<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.insert(PERSONAL.to_owned(), true.into());
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_value() {
        assert_eq!(format!("{:?}", Personal("jane@acme.example")), "***");
    }

    #[test]
    fn json_is_the_bare_value() {
        assert_eq!(serde_json::to_string(&Personal("x")).unwrap(), "\"x\"");
        assert_eq!(serde_json::from_str::<Personal<String>>("\"x\"").unwrap().0, "x");
    }
}
