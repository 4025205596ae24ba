//! A short digest of a unique value: equal digests show that two people have the same value.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::values::fold;

/// The digest of an attribute's value. It is short, because a company may have a million of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ValueMark(u64);

impl ValueMark {
    pub fn of(attribute: &str, value: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(attribute.as_bytes()).update(&[0]).update(plain(value).as_bytes());
        let hash = hasher.finalize();
        Self(hash.as_bytes().iter().take(8).fold(0, |mark, byte| mark << 8 | u64::from(*byte)))
    }
}

/// The form that two spellings of one value share.
pub(crate) fn plain(value: &str) -> String {
    fold(&value.nfkc().collect::<String>())
}
