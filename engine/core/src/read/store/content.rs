//! The digest of all that the tree holds: it shows whether a tree is whole after a power cut.
//!
//! Each batch is written together with the digest of the tree after the batch. The library may lose the last batches
//! in a power cut, and then the tree is an earlier one, with its digest. If it loses anything else, the digest of what
//! is left is another one.

use serde::{Deserialize, Serialize};

use super::keys;
use super::tree::StoreCause;

/// The sum of the digests of all keys with their values, in two numbers. So a change of a value needs only the old and
/// the new value. It finds accidents; it does not hold against an attacker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ContentDigest(u64, u64);

impl ContentDigest {
    /// The digest of a whole tree.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(super) fn of_tree(tree: &sled::Db) -> Result<Self, StoreCause> {
        let mut digest = Self::default();
        for entry in tree.iter() {
            let (key, value) = entry?;
            digest.add(&key, &value);
        }
        Ok(digest)
    }

    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        let (first, second) = numbers(key, value);
        *self = Self(self.0.wrapping_add(first), self.1.wrapping_add(second));
    }

    pub(super) fn remove(&mut self, key: &[u8], value: &[u8]) {
        let (first, second) = numbers(key, value);
        *self = Self(self.0.wrapping_sub(first), self.1.wrapping_sub(second));
    }
}

/// The numbers of one key with its value; zeros for a key that is not counted.
fn numbers(key: &[u8], value: &[u8]) -> (u64, u64) {
    if !keys::is_counted(key) {
        return (0, 0);
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(key.len() as u64).to_le_bytes()).update(key).update(value);
    let hash = hasher.finalize();
    let mut words = hash.as_bytes().chunks_exact(8).map_while(|word| word.try_into().ok());
    let mut word = || words.next().map(u64::from_le_bytes).unwrap_or_default();
    (word(), word())
}
