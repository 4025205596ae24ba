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
    /// The keys of these valid rows. For each row, the hash of the key and whether the row creates the user.
    pub(super) fn of(mut rows: Vec<(u64, bool)>) -> Self {
        // The sort keeps the order of rows of one key: the first one decides, and later rows are its duplicates.
        rows.sort_by_key(|(hash, _)| *hash);
        rows.dedup_by_key(|(hash, _)| *hash);
        Self {
            hashes: rows
                .into_iter()
                .filter(|(_, creates)| *creates)
                .map(|(hash, _)| hash)
                .collect(),
        }
    }

    /// Whether the file creates the user of this key, unless the user exists already.
    pub(super) fn contains(&self, key: &UserKey) -> bool {
        !self.hashes.is_empty() && self.hashes.binary_search(&hash(&key.folded())).is_ok()
    }
}
