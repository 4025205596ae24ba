//! The state that the writer and all readers share.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use super::files::Files;
use super::frame::LogId;
use super::index::Index;
use crate::AppendError;

/// The state that the writer and all readers share.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) folder: PathBuf,
    pub(super) log: LogId,
    pub(super) index: RwLock<Index>,
    pub(super) files: Files,
    pub(super) end: watch::Sender<u64>,
    /// The error after which the log rejects all appends.
    pub(super) failure: watch::Sender<Option<AppendError>>,
}

impl Inner {
    /// Records that the log rejects all appends from now on, and returns the error.
    pub(super) fn fail(&self, error: AppendError) -> AppendError {
        self.failure.send_if_modified(|known| {
            let is_first = known.is_none();
            known.get_or_insert_with(|| error.clone());
            is_first
        });
        error
    }

    // A panic while the lock is held leaves at worst a frame that is not fully indexed until the log is
    // opened again. Reads stay correct, so a poisoned lock is used on.
    pub(super) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}
