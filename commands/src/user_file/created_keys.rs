//! The users that a file creates. A row may refer to a user of a later row.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};

use super::row::{ParsedRow, RowValues};
use crate::values::UserKey;

/// The keys of the users that a file creates, as far as the file alone shows it. A million keys take about 40 MB.
#[derive(Debug, Default)]
pub struct CreatedKeys {
    /// A key's hash → whether the first row of that key creates the user, unless the user exists already.
    keys: HashMap<u64, bool>,
}

impl CreatedKeys {
    /// Whether the file creates the user of this key, unless the user exists already.
    pub fn contains(&self, key: &UserKey) -> bool {
        self.keys.get(&hash(key)).copied().unwrap_or_default()
    }

    /// The first row of a key decides, even if it is refused. Later rows of the key are its duplicates.
    pub(super) fn add(&mut self, row: &ParsedRow) {
        let Some(key) = &row.values.user else { return };
        let RowValues { enabled, archived, .. } = row.values;
        let creates = row.problems.is_empty() && enabled != Some(false) && !archived;
        self.keys.entry(hash(key)).or_insert(creates);
    }
}

fn hash(key: &UserKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(key.folded().as_bytes());
    hasher.finish()
}
