//! The state that the log, its readers and its tasks share.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{
    Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc,
};

use boarding_commands::values::CompanyId;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::watch;

use super::api::Api;
use super::frame::Message;
use super::view::View;
use crate::{AppendError, ReadError};

/// The state that the log, its readers and its tasks share.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) api: Api,
    /// Runs requests to the server.
    pub(super) runtime: Handle,
    pub(super) view: RwLock<View>,
    pub(super) end: watch::Sender<u64>,
    pub(super) append_bytes_max: usize,
    /// One lock per company: appends of a company run one after the other.
    pub(super) append_locks: Mutex<HashMap<CompanyId, Arc<tokio::sync::Mutex<()>>>>,
    /// The first damage found in the stream. Appends are rejected after it is found.
    pub(super) damage: OnceLock<String>,
}

impl Inner {
    // A poisoned lock is still usable. The code that changes the view cannot panic, so the view is never half changed.
    pub(super) fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn view_mut(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message to the view and publishes the new end.
    pub(super) fn apply(&self, message: &Message) -> Result<(), String> {
        // The view is unlocked before the send: code that has borrowed the watched value may call the log.
        let end = {
            let mut view = self.view_mut();
            view.apply(message)?;
            view.end
        };
        self.end.send_if_modified(|published| {
            let rises = *published < end;
            *published = end.max(*published);
            rises
        });
        Ok(())
    }

    /// The lock that serializes the appends of a company.
    pub(super) fn append_lock(&self, company: &CompanyId) -> Arc<tokio::sync::Mutex<()>> {
        // Locks are never removed: one per company needs little memory.
        let mut locks = self.append_locks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(company.clone()).or_default())
    }

    /// Records that the stream is damaged.
    pub(super) fn damaged(&self, what: String) -> AppendError {
        let what = self.damage.get_or_init(|| what).clone();
        AppendError::Damaged { stream: self.api.name.clone(), what }
    }

    pub(super) fn check_undamaged(&self) -> Result<(), AppendError> {
        match self.damage.get() {
            None => Ok(()),
            Some(what) => Err(self.damaged(what.clone())),
        }
    }

    /// Blocks until a request about the message `sequence` completes.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        sequence: u64,
        request: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let stream = || self.api.name.clone();
        wait_on(&self.runtime, request).ok_or_else(|| ReadError::Unavailable {
            stream: stream(),
            sequence,
            why: "the log is closed".to_owned(),
        })
    }
}

/// Runs a future on the thread of the log and blocks until it completes. Returns `None` if the thread has
/// stopped. On a multi-threaded runtime of the caller, other tasks continue.
pub(super) fn wait_on<T: Send + 'static>(
    runtime: &Handle,
    request: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    runtime.spawn(async move {
        let _ = sender.send(request.await);
    });
    let has_threads = |here: Handle| here.runtime_flavor() == RuntimeFlavor::MultiThread;
    if Handle::try_current().is_ok_and(has_threads) {
        tokio::task::block_in_place(|| receiver.recv()).ok()
    } else {
        receiver.recv().ok()
    }
}
