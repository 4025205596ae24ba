//! A cache of open segment files for readers; the least recently used is closed first.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// The most open segment files. They cover 2 GiB of history, and a process may open far more files.
const OPEN_FILES_MAX: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Files(Mutex<VecDeque<(u32, Arc<File>)>>);

impl Files {
    /// Returns the file of a segment; opens it if it is not in the cache.
    pub(super) fn get(
        &self,
        segment: u32,
        open: impl FnOnce() -> io::Result<File>,
    ) -> io::Result<Arc<File>> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // `open` of a reader locks the index while the cache is locked. No code may lock the two in the other order.
        let found = files.iter().position(|(held, _)| *held == segment);
        let entry = match found.and_then(|at| files.remove(at)) {
            Some(entry) => entry,
            None => (segment, Arc::new(open()?)),
        };
        // One file fewer than the limit, because this file is added next.
        files.truncate(OPEN_FILES_MAX - 1);
        let file = Arc::clone(&entry.1);
        files.push_front(entry);
        Ok(file)
    }
}
