//! The tree of the store: opened, used and closed so that no panic and no word of the library gets out.

use std::cell::Cell;
use std::io;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Once, mpsc};
use std::thread;
use std::time::Duration;

use crate::limits::{
    STORE_CACHE_BYTES, STORE_CLOSE_MILLIS, STORE_FLUSH_MILLIS, STORE_RELEASE_MILLIS,
};

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreCause {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("they are damaged")]
    Damaged,
    #[error("they are being repaired")]
    Closed,
    #[error("a row is too long")]
    TooLong,
}

/// What helps against a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Wait: nothing can be written at the moment.
    Wait,
    /// Rebuild the rows from the log.
    Rebuild,
}

impl StoreCause {
    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::Io(error) => match error.kind() {
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge
                | io::ErrorKind::ReadOnlyFilesystem => Remedy::Wait,
                _ if self.is_in_use() => Remedy::Wait,
                _ => Remedy::Rebuild,
            },
            Self::Damaged => Remedy::Rebuild,
            Self::TooLong => Remedy::Rebuild,
            Self::Closed => Remedy::Wait,
        }
    }

    /// Whether the file is locked: a query may still use it.
    fn is_in_use(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::Other)
    }
}

impl From<sled::Error> for StoreCause {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => Self::Io(error.raw_os_error().map_or_else(
                // A repeated error has only its kind; its text is not for people.
                || error.kind().into(),
                io::Error::from_raw_os_error,
            )),
            _ => Self::Damaged,
        }
    }
}

/// Opens the tree in a folder, or creates it. Waits for a former user who has not released it yet.
pub(super) fn open(folder: &Path) -> Result<sled::Db, StoreCause> {
    let config = sled::Config::new()
        .path(folder)
        .cache_capacity(STORE_CACHE_BYTES)
        .mode(sled::Mode::LowSpace)
        .flush_every_ms(Some(STORE_FLUSH_MILLIS));
    let try_once = || quietly(|| config.open().map_err(StoreCause::from));
    let mut opened = try_once();
    for _ in 0..STORE_RELEASE_MILLIS / RELEASE_POLL_MILLIS {
        if !opened.as_ref().is_err_and(StoreCause::is_in_use) {
            break;
        }
        thread::sleep(Duration::from_millis(RELEASE_POLL_MILLIS));
        opened = try_once();
    }
    opened
}

/// Closes a tree: the library writes when the last handle is dropped. After a failed write it
/// may wait without end, so it is left alone after a while, in a thread that ends with the process.
pub(super) fn close(tree: sled::Db) {
    let (ended, wait) = mpsc::channel();
    let closing = thread::Builder::new().name("store-close".to_owned()).spawn(move || {
        let _ = quietly(|| {
            drop(tree);
            Ok(())
        });
        let _ = ended.send(());
    });
    // Without a thread the tree was dropped here.
    let limit = Duration::from_millis(STORE_CLOSE_MILLIS);
    if closing.is_ok() && wait.recv_timeout(limit).is_err() {
        tracing::warn!("the store of the read models does not close and is left alone");
    }
}

/// How often the file is tried while it is in use, in milliseconds.
const RELEASE_POLL_MILLIS: u64 = 5;

thread_local! {
    /// Whether this thread is inside the library: its panics are failures of the store.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs work of the library. A panic in it is damage, and is not printed.
pub(super) fn quietly<T>(work: impl FnOnce() -> Result<T, StoreCause>) -> Result<T, StoreCause> {
    hide_panics();
    let outside = INSIDE.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    INSIDE.set(outside);
    done.unwrap_or(Err(StoreCause::Damaged))
}

/// Hides the panics of the library, in this thread's work and in the library's own threads.
fn hide_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let of_library =
                info.location().is_some_and(|location| location.file().contains("/sled-"));
            if !of_library && !INSIDE.get() {
                others(info);
            }
        }));
    });
}
