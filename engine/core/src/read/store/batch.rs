//! Changes of the tree that are written together with the digest of the tree after them.

use sled::{Batch, IVec};

use super::content::ContentDigest;
use super::keys;
use super::meta::StoredMeta;
use super::tree::StoreCause;
use crate::limits::UNFLUSHED_BYTES_MAX;

/// Changes of the tree that are written together, and the digest of the tree after them.
#[derive(Debug)]
pub(super) struct CountedBatch {
    batch: Batch,
    digest: ContentDigest,
    /// The bytes of the new values.
    bytes: usize,
    /// The bytes that were written and may not be on the disk yet.
    unflushed: usize,
}

impl CountedBatch {
    /// An empty batch on a tree with this metadata.
    pub(super) fn on(stored: &StoredMeta) -> Self {
        let digest = stored.digest.unwrap_or_default();
        Self { batch: Batch::default(), digest, bytes: 0, unflushed: 0 }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Puts a value. `old` is the value that the key has now.
    pub(super) fn put(&mut self, key: impl Into<IVec>, value: Vec<u8>, old: Option<&[u8]>) {
        let key = key.into();
        if let Some(old) = old {
            self.digest.remove(&key, old);
        }
        self.digest.add(&key, &value);
        self.bytes += value.len();
        self.batch.insert(key, value);
    }

    /// Removes a key, which has the value `old`.
    pub(super) fn remove(&mut self, key: &[u8], old: &[u8]) {
        self.digest.remove(key, old);
        self.batch.remove(key);
    }

    /// Writes the batch with the metadata, which gets the new digest. Then the batch is empty.
    ///
    /// # Errors
    /// When the tree cannot be written.
    pub(super) fn write(
        &mut self,
        tree: &sled::Db,
        stored: &mut StoredMeta,
    ) -> Result<(), StoreCause> {
        stored.digest = Some(self.digest);
        let mut batch = std::mem::take(&mut self.batch);
        batch.insert(keys::META, stored.encode()?);
        self.unflushed += std::mem::take(&mut self.bytes);
        tree.apply_batch(batch)?;
        if self.unflushed >= UNFLUSHED_BYTES_MAX {
            tree.flush()?;
            self.unflushed = 0;
        }
        Ok(())
    }
}
