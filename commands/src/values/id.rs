//! Ids: a newtype for each thing that can be named, parsed once and trusted afterwards.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
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
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub Ulid);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                read_ulid(deserializer).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                ulid_of(text).map($name)
            }
        }
    };
}

/// The ULID with this text.
///
/// # Errors
/// A text of another form, and one above `7ZZZZZZZZZZZZZZZZZZZZZZZZZ`: it would have more than 128 bits.
pub fn ulid_of(text: &str) -> Result<Ulid, IdError> {
    let fits = text.bytes().next().is_some_and(|first| matches!(first, b'0'..=b'7'));
    let read = Ulid::from_string(text).ok().filter(|_| fits);
    read.ok_or(IdError { expected: "a ULID: 26 characters, at most 7ZZZZZZZZZZZZZZZZZZZZZZZZZ" })
}

/// Reads a ULID from its text, as [`ulid_of`] does.
///
/// # Errors
/// Those of [`ulid_of`].
pub(crate) fn read_ulid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ulid, D::Error> {
    let text = String::deserialize(deserializer)?;
    ulid_of(&text).map_err(D::Error::custom)
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
ulid_id! {
    /// The id of one access token; the caller may choose it, otherwise it is the command's.
    TokenId
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
    folded(text).into_owned()
}

/// The folded form of a text. It is not copied if it is folded already, as most keys are.
pub fn folded(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.to_lowercase())
}

scalar! {
    CommandId, "CommandId": ulid("The id of a command: a ULID.");
    ImportId, "ImportId": ulid("The id of an import: a ULID.");
    RunId, "RunId": ulid("The id of a run: a ULID.");
    InvitationId, "InvitationId": ulid("The id of an invitation: a ULID.");
    TokenId, "TokenId": ulid("The id of an access token: a ULID.");
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

    /// An id with more than 128 bits would silently become another one.
    #[test]
    fn id_above_the_largest_is_refused() {
        for (text, fits) in
            [("7ZZZZZZZZZZZZZZZZZZZZZZZZZ", true), ("80000000000000000000000000", false)]
        {
            assert_eq!(text.parse::<RunId>().is_ok(), fits, "{text}");
            let json = serde_json::Value::from(text);
            assert_eq!(serde_json::from_value::<RunId>(json).is_ok(), fits, "{text}");
        }
    }

    #[test]
    fn company_id_is_one_lower_case_token() {
        for (text, fits) in [
            ("acme-2", true),
            ("2", true),
            ("", false),
            ("-acme", false),
            ("Acme", false),
            ("ac.me", false),
            ("é", false),
        ] {
            assert_eq!(text.parse::<CompanyId>().is_ok(), fits, "{text}");
        }
        assert!("a".repeat(63).parse::<CompanyId>().is_ok());
        assert!("a".repeat(64).parse::<CompanyId>().is_err());
        let id: CompanyId = "acme".parse().unwrap();
        assert_eq!(
            (String::from(id.clone()), serde_json::json!(id)),
            ("acme".to_owned(), serde_json::json!("acme"))
        );
    }
}
