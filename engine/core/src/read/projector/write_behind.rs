//! Changed rows stay in memory until many can be written together, or nothing else is to do.

use super::{Follower, ProjectError};
use crate::limits::{UNWRITTEN_BATCHES_MAX, UNWRITTEN_BYTES_MAX};
use crate::read::store::Meta;

impl Follower {
    /// Writes the changed rows if they are many.
    pub(super) fn write_when_many(&mut self) -> Result<(), ProjectError> {
        if self.unwritten_batches >= UNWRITTEN_BATCHES_MAX
            || self.shared.store.unwritten_bytes() >= UNWRITTEN_BYTES_MAX
        {
            self.write_all()?;
        }
        Ok(())
    }

    /// Writes the changed rows, if there are any.
    pub(super) fn write_all(&mut self) -> Result<(), ProjectError> {
        if self.unwritten_batches > 0 {
            let meta = self.meta.clone();
            self.write(&meta)?;
        }
        Ok(())
    }

    /// Writes the changed rows and this metadata.
    pub(super) fn write(&mut self, meta: &Meta) -> Result<(), ProjectError> {
        self.shared.store.write(meta)?;
        self.unwritten_batches = 0;
        Ok(())
    }
}
