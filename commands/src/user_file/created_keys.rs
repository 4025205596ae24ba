//! The users that a file creates. A row may refer to a user of a later row.

use super::same_key::hash;
use crate::values::UserKey;

/// The keys of the users that a file creates, as far as the file alone shows it. A million keys take 8 MB.
#[derive(Debug, Default)]
pub(super) struct CreatedKeys {
    /// The hashes of the keys whose first valid row creates the user, unless the user exists already. Sorted.
    hashes: Vec<u64>,
}

impl CreatedKeys {
    /// The keys of these valid rows. For each row, the hash of the key, its line and whether it creates the user.
    pub(super) fn of(mut rows: Vec<(u64, u32, bool)>) -> Self {
        // The first row of a key decides, and later ones are its duplicates.
        rows.sort_unstable_by_key(|(hash, line, _)| (*hash, *line));
        rows.dedup_by_key(|(hash, ..)| *hash);
        Self {
            hashes: rows
                .into_iter()
                .filter(|(.., creates)| *creates)
                .map(|(hash, ..)| hash)
                .collect(),
        }
    }

    /// Whether the file creates the user of this key, unless the user exists already.
    pub(super) fn contains(&self, key: &UserKey) -> bool {
        !self.hashes.is_empty() && self.hashes.binary_search(&hash(&key.folded())).is_ok()
    }
}
