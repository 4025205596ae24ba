//! The store of derived data. A replay of the log can rebuild all of it.
//!
//! After damage the folder is moved aside and rebuilt from the log, also while the engine runs. A full disk stops
//! the store only while it is full.

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use boarding_projections::rows::{Table, Visit};

mod batch;
mod block;
mod content;
mod folder;
mod keys;
mod meta;
mod packed;
#[cfg(test)]
mod tests;
mod tree;
mod unwritten;
pub mod view;

use batch::CountedBatch;
use content::ContentDigest;
use folder::Trust;
use meta::StoredMeta;
use tree::StoreCause;
use unwritten::Unwritten;

pub(crate) use keys::command as command_key;
pub use meta::{Build, Meta};
pub use tree::Remedy;
pub(crate) use unwritten::Change;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
#[error("{operation} the read models in {}", path.display())]
pub struct StoreError {
    operation: &'static str,
    path: PathBuf,
    source: StoreCause,
}

impl StoreError {
    /// What helps against it.
    pub fn remedy(&self) -> Remedy {
        self.source.remedy()
    }
}

/// The result of opening the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// The store is usable as it is.
    Kept,
    /// There was no usable store: it starts empty, and a replay fills it.
    Empty { set_aside: Option<PathBuf> },
    /// It cannot be opened at the moment, because the disk is full. `Store::reopen` tries again.
    Waiting,
}

/// One tree of keys; the first byte of a key says the kind of data.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    /// `None` while the store is being repaired.
    tree: RwLock<Option<sled::Db>>,
    /// What helps against the first failure since the tree was opened.
    failure: Mutex<Option<Remedy>>,
    unwritten: Unwritten,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.folder.display())
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.folder.display().fmt(f)
    }
}

impl Drop for Inner {
    // The library writes when the last handle is dropped, and may fail.
    fn drop(&mut self) {
        self.close_tree();
    }
}

impl Inner {
    fn close_tree(&self) {
        let tree = self.tree.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(tree) = tree {
            tree::close(tree);
        }
    }
}

impl Store {
    /// Opens the folder, or moves it aside and creates an empty store.
    ///
    /// # Errors
    /// When not even an empty store can be created, except on a full disk.
    pub fn open(folder: &Path) -> Result<(Self, Opened), StoreError> {
        let (tree, failure) = (RwLock::new(None), Mutex::new(None));
        let (folder, unwritten) = (folder.to_owned(), Unwritten::default());
        let store = Self { inner: Arc::new(Inner { folder, tree, failure, unwritten }) };
        let mut set_aside = None;
        let trusted = store.open_usable().and_then(|is_usable| {
            if !is_usable {
                store.remove_first_layout()?;
            }
            Ok(is_usable)
        });
        match trusted {
            Ok(true) => return Ok((store, Opened::Kept)),
            Err(error) if error.remedy() == Remedy::Wait => {
                // Rows are of use only if an interrupted write is finished.
                store.inner.close_tree();
                return Ok((store, Opened::Waiting));
            }
            Ok(false) | Err(_) => {}
        }
        match store.start_anew(&mut set_aside) {
            Ok(()) => Ok((store, Opened::Empty { set_aside })),
            Err(error) if error.remedy() == Remedy::Wait => Ok((store, Opened::Waiting)),
            Err(error) => Err(error),
        }
    }

    /// Opens a store whose content is whole. Returns whether there is one.
    fn open_usable(&self) -> Result<bool, StoreError> {
        let known = folder::trust(&self.inner.folder);
        if matches!(known, Trust::New | Trust::Distrusted) {
            return Ok(false);
        }
        self.open_whole_tree()?;
        if self.has_first_layout()? || (known == Trust::Unverified && !self.is_whole()?) {
            return Ok(false);
        }
        self.finish_write()?;
        if let Trust::Trusted { position: Some(closed_at) } = known
            && closed_at != self.read_meta()?.position
        {
            return Ok(false);
        }
        folder::mark_open(&self.inner.folder).map_err(|error| self.error("mark", error))?;
        Ok(true)
    }

    /// Whether the tree holds what its last batch says: then a power cut has taken nothing from its middle. Reads all of
    /// it: about a second for each million rows.
    fn is_whole(&self) -> Result<bool, StoreError> {
        let stored = self.read_stored_meta()?;
        let found = self.guard("check", ContentDigest::of_tree)?;
        let is_whole = stored.digest == Some(found);
        tracing::info!(folder = %self, is_whole, "read models were not closed, and were checked");
        Ok(is_whole)
    }

    /// Removes rows that an older program has written in the first layout: they are not damaged, and a rebuild gives
    /// them again.
    fn remove_first_layout(&self) -> Result<(), StoreError> {
        if self.is_open() && self.has_first_layout()? {
            tracing::info!(folder = %self, "read models of an older program are rebuilt from the log");
            self.inner.close_tree();
            folder::make_empty(&self.inner.folder).map_err(|error| self.error("remove", error))?;
        }
        Ok(())
    }

    fn open_whole_tree(&self) -> Result<(), StoreError> {
        self.inner.close_tree();
        folder::drop_half_written(&self.inner.folder)
            .map_err(|error| self.error("clean up", error))?;
        self.open_tree()
    }

    /// Moves the folder aside and opens an empty store. A repeated call moves nothing aside again.
    ///
    /// # Errors
    /// When no empty store can be created.
    pub(crate) fn start_anew(&self, set_aside: &mut Option<PathBuf>) -> Result<(), StoreError> {
        self.inner.close_tree();
        let folder = &self.inner.folder;
        let failed = |operation| move |error: io::Error| self.error(operation, error);
        if set_aside.is_none() && folder::trust(folder) != Trust::New {
            *set_aside = Some(folder::set_aside(folder).map_err(failed("set aside"))?);
        }
        folder::make_empty(folder).map_err(failed("make a folder for"))?;
        self.open_tree()?;
        self.inner.unwritten.forget(0);
        self.inner.unwritten.begin();
        folder::mark_open(folder).map_err(failed("mark"))
    }

    fn open_tree(&self) -> Result<(), StoreError> {
        let tree = tree::open(&self.inner.folder).map_err(|cause| self.error("open", cause))?;
        *self.inner.tree.write().unwrap_or_else(PoisonError::into_inner) = Some(tree);
        *self.failure_slot() = None;
        Ok(())
    }

    /// Marks the store as usable again after a repair.
    pub(crate) fn mark_repaired(&self) -> Result<(), StoreError> {
        folder::mark_open(&self.inner.folder).map_err(|error| self.error("mark", error))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.inner.tree.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Whether the rows cannot be written now.
    pub(crate) fn waits_for_space(&self) -> bool {
        !self.is_open() || *self.failure_slot() == Some(Remedy::Wait)
    }

    /// The failure of an operation since the tree was opened, for example of a query.
    pub(crate) fn failure(&self) -> Option<StoreError> {
        let cause = match (*self.failure_slot())? {
            Remedy::Wait => StoreCause::Io(io::ErrorKind::StorageFull.into()),
            Remedy::Rebuild => StoreCause::Damaged,
        };
        Some(self.error("keep", cause))
    }

    /// The failure of damage that was found in a row.
    pub(crate) fn damage(&self) -> StoreError {
        self.fail(Remedy::Rebuild);
        self.error("read", StoreCause::Damaged)
    }

    fn fail(&self, remedy: Remedy) {
        let mut known = self.failure_slot();
        if known.is_none() {
            *known = Some(remedy);
            folder::mark_failed(&self.inner.folder);
        }
    }

    fn failure_slot(&self) -> MutexGuard<'_, Option<Remedy>> {
        self.inner.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the folders that were set aside, but the last one.
    pub(crate) fn remove_older_aside(&self) {
        if let Err(error) = folder::remove_older_aside(&self.inner.folder) {
            tracing::warn!(%error, "removing old read models that were set aside failed");
        }
    }

    /// Flushes, and waits until the disk has everything: it limits memory, and shows whether the disk has space.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.guard("flush", |tree| {
            tree.flush()?;
            Ok(folder::sync(&self.inner.folder)?)
        })
    }

    /// Flushes and marks the folder as cleanly closed. All changes must be written.
    ///
    /// # Errors
    /// When the flush fails. Then the next opening checks all rows if the machine has restarted in between.
    pub fn close(&self) -> Result<(), StoreError> {
        if self.failure().is_some() || !self.is_open() {
            return Ok(());
        }
        let position = self.read_meta()?.position;
        self.flush()?;
        folder::mark_closed(&self.inner.folder, position).map_err(|error| self.error("mark", error))
    }

    pub(crate) fn get_raw(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.guard("read", |tree| Ok(tree.get(key)?.map(|bytes| bytes.to_vec())))
    }

    #[cfg(test)]
    pub(crate) fn apply(&self, batch: sled::Batch) -> Result<(), StoreError> {
        self.guard("write", move |tree| Ok(tree.apply_batch(batch)?))
    }

    fn write_batch(
        &self,
        batch: &mut CountedBatch,
        stored: &mut StoredMeta,
    ) -> Result<(), StoreError> {
        self.guard("write", |tree| batch.write(tree, stored))
    }

    /// Calls a function for each key from `from` on that has the prefix.
    pub(crate) fn scan_raw(
        &self,
        prefix: &[u8],
        from: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        let start = if from > prefix { from.to_vec() } else { prefix.to_vec() };
        self.guard("read", |tree| {
            for entry in tree.range(start..) {
                let (key, row) = entry?;
                if !key.starts_with(prefix) || visit(&key, &row) == ControlFlow::Break(()) {
                    break;
                }
            }
            Ok(())
        })
    }

    fn guard<T>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&sled::Db) -> Result<T, StoreCause>,
    ) -> Result<T, StoreError> {
        let tree = self.inner.tree.read().unwrap_or_else(PoisonError::into_inner).clone();
        let tree = tree.ok_or_else(|| self.error(operation, StoreCause::Closed))?;
        let done = tree::quietly(move || {
            let done = work(&tree);
            // The last handle of a tree may fail when it is dropped.
            drop(tree);
            done
        });
        done.map_err(|cause| {
            self.fail(cause.remedy());
            self.error(operation, cause)
        })
    }

    fn error(&self, operation: &'static str, source: impl Into<StoreCause>) -> StoreError {
        StoreError { operation, path: self.inner.folder.clone(), source: source.into() }
    }

    /// Reads the stored metadata; that of an empty store if there is none.
    ///
    /// # Errors
    /// When it cannot be read or decoded.
    pub fn read_meta(&self) -> Result<Meta, StoreError> {
        Ok(self.read_stored_meta()?.meta)
    }

    fn has_first_layout(&self) -> Result<bool, StoreError> {
        Ok(self.get_raw(keys::META)?.is_some_and(|bytes| StoredMeta::is_first_layout(&bytes)))
    }

    fn read_stored_meta(&self) -> Result<StoredMeta, StoreError> {
        match self.get_raw(keys::META)? {
            None => Ok(StoredMeta::empty()),
            Some(bytes) => StoredMeta::decode(&bytes).ok_or_else(|| self.damage()),
        }
    }

    /// Finds unused builds that an earlier process did not remove.
    pub(crate) fn forgotten_builds(&self, meta: &Meta) -> Result<Vec<(Table, u8)>, StoreError> {
        let mut forgotten = Vec::new();
        for &table in Table::ALL {
            let mut from = Some(0);
            while let Some(number) = from {
                let mut found = None;
                self.scan_raw(&[table.id()], &keys::build(table, number), &mut |key, _| {
                    found = key.get(1).copied();
                    ControlFlow::Break(())
                })?;
                forgotten.extend(
                    found.filter(|build| *build != meta.build(table)).map(|build| (table, build)),
                );
                from = found.and_then(|build| build.checked_add(1));
            }
        }
        Ok(forgotten)
    }
}
