//! Why a file as a whole could not be read: a rule is broken, or reading itself failed.

use std::{fmt, io};

use serde_json::{Map, Value};

use crate::code::{Code, Refusal};

/// A whole-file failure.
#[derive(Debug)]
pub enum FileError {
    /// The file breaks a rule: an answer for the asker.
    Refused(Refusal),
    /// The bytes could not be read: a fault of the store or the network, worth trying again.
    Io(io::Error),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Io(_) => f.write_str("reading the file"),
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(_) => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<Refusal> for FileError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A refusal whose message ends with what `details` says in words.
pub(super) fn refused(code: Code, words: &str, details: Value) -> FileError {
    Refusal::new(code).saying(words).with(details).into()
}

/// A refusal for having more of something than its limit allows.
pub(super) fn over_limit(code: Code, limit: u64, unit: &str, actual: Option<u64>) -> FileError {
    let mut details = Map::from_iter([("limit".to_owned(), limit.into())]);
    let words = match actual {
        Some(actual) => {
            details.insert("actual".to_owned(), actual.into());
            format!("{actual} {unit}; the limit is {limit}")
        }
        None => format!("the limit is {limit} {unit}"),
    };
    refused(code, &words, Value::Object(details))
}
