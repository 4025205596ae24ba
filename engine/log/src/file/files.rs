//! Open segment files that readers share: a few, the longest unused closed first.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// How many segments are kept open for reading: 2 GiB of the newest history, and far below any
/// process's limit of open files.
const OPEN_MAX: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Files(Mutex<VecDeque<(u32, Arc<File>)>>);

impl Files {
    /// The file of a segment, opened if it is not open.
    pub(super) fn get(
        &self,
        segment: u32,
        open: impl FnOnce() -> io::Result<File>,
    ) -> io::Result<Arc<File>> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = files.iter().position(|(held, _)| *held == segment);
        let entry = match found.and_then(|at| files.remove(at)) {
            Some(entry) => entry,
            None => (segment, Arc::new(open()?)),
        };
        files.truncate(OPEN_MAX - 1);
        let file = Arc::clone(&entry.1);
        files.push_front(entry);
        Ok(file)
    }
}
