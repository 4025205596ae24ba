//! Ids: a newtype for each thing that can be named, parsed once and trusted afterwards.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::schema::{json_schema, scalar, ulid};

/// The text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdError {
    /// What was expected, in words for the asker.
    pub expected: &'static str,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)
    }
}

impl std::error::Error for IdError {}

macro_rules! ulid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Ulid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Ulid::from_string(text)
                    .map($name)
                    .map_err(|_| IdError { expected: "a ULID of 26 characters" })
            }
        }
    };
}

ulid_id! {
    /// The id of one command: its idempotency key for as long as the log lasts.
    CommandId
}
ulid_id! {
    /// The id of one import; the asker may choose it, otherwise it is the command's.
    ImportId
}
ulid_id! {
    /// The id of one bulk run; the asker may choose it, otherwise it is the command's.
    RunId
}
ulid_id! {
    /// The id of the invitation of one user to one channel; its generations share it.
    InvitationId
}

/// The tenant: `[a-z0-9][a-z0-9-]{0,62}`, one NATS token. Everything belongs to exactly one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CompanyId(std::sync::Arc<str>);

impl CompanyId {
    /// The longest id, in characters: a NATS token and a DNS label.
    pub const MAX_CHARS: usize = 63;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CompanyId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let fits = (1..=Self::MAX_CHARS).contains(&text.len())
            && text.bytes().next().is_some_and(plain)
            && text.bytes().all(|b| plain(b) || b == b'-');
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(IdError {
                expected: "a company id: 1 to 63 of a-z, 0-9 and -, not beginning with -",
            })
        }
    }
}

impl TryFrom<String> for CompanyId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<CompanyId> for String {
    fn from(id: CompanyId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for CompanyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The company's key for one of its people: user name, login or LAN ID.
/// It keeps its spelling and is compared by [`UserKey::folded`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserKey(Box<str>);

impl UserKey {
    /// The longest key, in characters.
    pub const MAX_CHARS: usize = 254;

    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form two spellings of one key share: trimmed, lower case.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserKey(***)")
    }
}

/// Folds a key, e-mail address or name for comparison: trimmed, lower case.
pub fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

scalar! {
    CommandId, "CommandId": ulid("The id of a command: a ULID.");
    ImportId, "ImportId": ulid("The id of an import: a ULID.");
    RunId, "RunId": ulid("The id of a run: a ULID.");
    InvitationId, "InvitationId": ulid("The id of an invitation: a ULID.");
    CompanyId, "CompanyId": json_schema!({"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"});
    UserKey, "UserKey": json_schema!({"type": "string"});
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ULID in either case fits the pattern's alphabet, and so does what we write.
    #[test]
    fn an_id_is_read_in_either_case() {
        let id: CommandId = "01jd0000000000000000000abc".parse().unwrap();
        assert_eq!(id.to_string(), "01JD0000000000000000000ABC");
    }
}
