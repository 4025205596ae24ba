//! The store of derived data in sled. A replay of the log can rebuild all of it.
//!
//! After any error or panic of sled, the folder is moved aside and rebuilt from the log.

use std::fs;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use boarding_commands::values::CompanyId;
use boarding_projections::rows::{RowChange, Rows, RowsError, Table, Visit};

use crate::limits::{STORE_CACHE_BYTES, STORE_FLUSH_MILLIS};

mod keys;
mod meta;

pub(crate) use keys::{
    command as command_key, snapshot as snapshot_key, snapshots as snapshots_prefix,
};
pub use meta::{Build, Meta};

/// A failure of the store. The remedy is always a rebuild.
#[derive(Debug, thiserror::Error)]
#[error("{operation} the read models in {}", path.display())]
pub struct StoreError {
    operation: &'static str,
    path: PathBuf,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// The result of opening the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// The store is usable as it is.
    Kept,
    /// There was no usable store: it starts empty, and a replay fills it.
    Empty { set_aside: Option<PathBuf> },
}

/// One sled tree; the first byte of a key says the kind of data.
#[derive(Debug, Clone)]
pub struct Store {
    tree: sled::Db,
    folder: PathBuf,
}

/// The file that records a clean close, or the boot id of the machine while the store is open.
const MARK: &str = "MARK";

impl Store {
    /// Opens the folder, or moves it aside and creates an empty store.
    ///
    /// # Errors
    /// When not even an empty store can be created.
    pub fn open(folder: &Path) -> Result<(Self, Opened), StoreError> {
        let failed = |operation: &'static str, source: io::Error| StoreError {
            operation,
            path: folder.to_owned(),
            source: source.into(),
        };
        let fresh = !folder.join("db").exists();
        if !fresh && is_trusted(folder) {
            drop_half_written(folder).map_err(|error| failed("clean up", error))?;
            if let Ok(tree) = open_tree(folder) {
                let store = Self { tree, folder: folder.to_owned() };
                if store.read_meta().is_ok() {
                    mark(folder, &boot_id()).map_err(|error| failed("mark", error))?;
                    return Ok((store, Opened::Kept));
                }
            }
        }
        let set_aside =
            if fresh { None } else { Some(set_aside(folder).map_err(|e| failed("set aside", e))?) };
        fs::create_dir_all(folder).map_err(|error| failed("make a folder for", error))?;
        let tree = open_tree(folder).map_err(|source| StoreError {
            operation: "open",
            path: folder.to_owned(),
            source,
        })?;
        mark(folder, &boot_id()).map_err(|error| failed("mark", error))?;
        Ok((Self { tree, folder: folder.to_owned() }, Opened::Empty { set_aside }))
    }

    /// Flushes to the disk. This only limits memory; it is not needed for safety.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.guard("flush", |tree| tree.flush().map(|_| ()))
    }

    /// Flushes and marks the folder as cleanly closed.
    ///
    /// # Errors
    /// When the flush fails. Then the next opening rebuilds if the machine has restarted in between.
    pub fn close(&self) -> Result<(), StoreError> {
        self.flush()?;
        mark(&self.folder, CLOSED).map_err(|source| self.error("mark", source))
    }

    pub(crate) fn get_raw(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.guard("read", |tree| Ok(tree.get(key)?.map(|bytes| bytes.to_vec())))
    }

    pub(crate) fn apply(&self, batch: sled::Batch) -> Result<(), StoreError> {
        self.guard("write", move |tree| tree.apply_batch(batch))
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
        work: impl FnOnce(&sled::Db) -> sled::Result<T>,
    ) -> Result<T, StoreError> {
        match catch_unwind(AssertUnwindSafe(|| work(&self.tree))) {
            Ok(done) => done.map_err(|source| self.error(operation, source)),
            Err(_) => Err(self.error(operation, "sled panicked")),
        }
    }

    fn error(
        &self,
        operation: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StoreError {
        StoreError { operation, path: self.folder.clone(), source: source.into() }
    }

    /// Reads the metadata; that of an empty store if there is none.
    ///
    /// # Errors
    /// When it cannot be read or decoded.
    pub fn read_meta(&self) -> Result<Meta, StoreError> {
        match self.get_raw(keys::META)? {
            None => Ok(Meta::empty()),
            Some(bytes) => {
                rmp_serde::from_slice(&bytes).map_err(|error| self.error("decode", error))
            }
        }
    }

    pub(crate) fn stage_meta(
        &self,
        meta: &Meta,
        batch: &mut sled::Batch,
    ) -> Result<(), StoreError> {
        let bytes = rmp_serde::to_vec(meta).map_err(|error| self.error("encode", error))?;
        batch.insert(keys::META, bytes);
        Ok(())
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

    /// Removes the rows of an unused build.
    pub(crate) fn remove_build(&self, table: Table, build: u8) -> Result<(), StoreError> {
        let prefix = keys::build(table, build);
        let mut all = Vec::new();
        self.scan_raw(&prefix, &[], &mut |key, _| {
            all.push(key.to_vec());
            ControlFlow::Continue(())
        })?;
        for keys in all.chunks(10_000) {
            let mut batch = sled::Batch::default();
            keys.iter().for_each(|key| batch.remove(key.as_slice()));
            self.apply(batch)?;
        }
        Ok(())
    }

    /// A view of the current rows, each table in its current build. The lease keeps these builds.
    pub fn view(&self, meta: Meta, lease: &Arc<()>) -> View {
        View { store: self.clone(), meta, _lease: Arc::clone(lease) }
    }
}

/// The rows of one build of each table.
#[derive(Debug, Clone)]
pub struct View {
    store: Store,
    meta: Meta,
    _lease: Arc<()>,
}

impl View {
    /// The applied position when the view was created; the rows may be newer.
    pub fn position(&self) -> u64 {
        self.meta.position
    }

    /// Adds changes of rows to a batch.
    pub(crate) fn stage(&self, changes: impl Iterator<Item = RowChange>, batch: &mut sled::Batch) {
        for change in changes {
            let key = keys::row(
                change.table,
                self.meta.build(change.table),
                &change.company,
                &change.key,
            );
            match change.row {
                Some(row) => batch.insert(key, row),
                None => batch.remove(key),
            }
        }
    }
}

impl Rows for View {
    fn get(
        &self,
        table: Table,
        company: &CompanyId,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, RowsError> {
        let key = keys::row(table, self.meta.build(table), company, key);
        self.store.get_raw(&key).map_err(|cause| RowsError::Store { table, cause: cause.into() })
    }

    fn scan(
        &self,
        table: Table,
        company: &CompanyId,
        prefix: &[u8],
        from: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), RowsError> {
        let build = self.meta.build(table);
        let base = keys::row(table, build, company, &[]);
        let (prefix, from) =
            (keys::row(table, build, company, prefix), keys::row(table, build, company, from));
        let mut visit =
            |key: &[u8], row: &[u8]| visit(key.get(base.len()..).unwrap_or_default(), row);
        self.store
            .scan_raw(&prefix, &from, &mut visit)
            .map_err(|cause| RowsError::Store { table, cause: cause.into() })
    }
}

fn open_tree(folder: &Path) -> Result<sled::Db, Box<dyn std::error::Error + Send + Sync>> {
    let config = sled::Config::new()
        .path(folder)
        .cache_capacity(STORE_CACHE_BYTES)
        .mode(sled::Mode::LowSpace)
        .flush_every_ms(Some(STORE_FLUSH_MILLIS));
    match catch_unwind(AssertUnwindSafe(|| config.open())) {
        Ok(Ok(tree)) => Ok(tree),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err("sled panicked".into()),
    }
}

/// Removes unfinished snapshot files of sled: they are never needed, and opening fails with them.
fn drop_half_written(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The content of the mark after a clean close.
const CLOSED: &str = "closed";

/// Whether the store is usable: it was closed cleanly, or the machine has not restarted since. Without a
/// restart of the machine nothing that was written is lost, even if the process was killed.
fn is_trusted(folder: &Path) -> bool {
    let mark = fs::read_to_string(folder.join(MARK)).unwrap_or_default();
    mark == CLOSED || (!mark.is_empty() && mark == boot_id())
}

fn mark(folder: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::File::create(folder.join(MARK))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn boot_id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    format!("open since {}", id.trim())
}

/// Moves the folder to the first free name `….set-aside-N`, so that an operator can examine it.
fn set_aside(folder: &Path) -> io::Result<PathBuf> {
    for n in 1..1_000 {
        let mut name = folder.as_os_str().to_owned();
        name.push(format!(".set-aside-{n}"));
        let target = PathBuf::from(name);
        if !target.exists() {
            fs::rename(folder, &target)?;
            return Ok(target);
        }
    }
    Err(io::Error::other("too many folders were set aside; remove them"))
}
