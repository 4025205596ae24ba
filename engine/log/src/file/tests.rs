//! Tests of the log in files that go beyond the contract.

mod copies;
mod damage;
mod format;
mod salvage;
mod writing;

use std::path::{Path, PathBuf};
use std::{fs, io};

use boarding_commands::values::Time;

use super::frame::LogId;
use super::*;
use crate::contract::{Backend, drain, sample};
use crate::{Entry, Head};

struct Files(tempfile::TempDir, u64);

impl Backend for Files {
    async fn open(&self) -> Arc<dyn EventLog> {
        Arc::new(open(self.0.path(), self.1).unwrap().log)
    }
}

mod one_segment {
    use super::*;
    crate::event_log_contract!(Files(tempfile::tempdir().unwrap(), 1 << 20));
}

mod a_segment_for_every_frame {
    use super::*;
    crate::event_log_contract!(Files(tempfile::tempdir().unwrap(), 1));
}

mod segments_of_a_few_frames {
    use super::*;
    crate::event_log_contract!(Files(tempfile::tempdir().unwrap(), 2_000));
}

#[tokio::test]
async fn positions_have_no_gaps() {
    crate::contract::positions_have_no_gaps(&Files(memory_dir(), 1)).await;
}

fn open(folder: &Path, segment_bytes: u64) -> Result<Opened, OpenError> {
    FileLog::open(folder, Options { segment_bytes, ..Options::new(Time(1_795_248_000_000)) })
}

/// Appends commits of two events to two companies in turn, and returns all entries.
async fn fill(folder: &Path, segment_bytes: u64, rounds: usize) -> Vec<Entry> {
    let log = open(folder, segment_bytes).unwrap().log;
    for round in 0..rounds {
        let company = sample::company(if round % 2 == 0 { "acme" } else { "zeta" });
        log.append(vec![sample::next(&log, &company, 2)]).await.unwrap();
    }
    drain(&mut *log.read_all(1))
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|p| p.extension().is_some_and(|e| e == "log")).collect();
    paths.sort();
    paths
}

/// A folder in memory if the system has one, since these tests need no durable sync.
fn memory_dir() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// A folder with copies of these files, which is not known as a copy: it is as if the files were changed in place.
fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = plain_copy_of(folder);
    let _ = fs::remove_file(copy.path().join(copied::NAME));
    copy
}

/// A folder with copies of these files.
fn plain_copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = memory_dir();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

/// The offset of a commit's record in its segment.
fn offset_of(entry: &Entry) -> usize {
    usize::try_from(index::parts(entry.location).1).unwrap()
}

/// Simulates an unclean stop: removes the heads file.
fn remove_heads(folder: &Path) {
    fs::remove_file(folder.join(heads::NAME)).unwrap();
}
