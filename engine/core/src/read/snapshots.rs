//! Snapshots of companies: a shorter way to the same state as a full replay. Never the truth.

use std::io;
use std::ops::ControlFlow;

use boarding_commands::company::Company;
use boarding_commands::values::{CompanyId, Digest};
use serde::{Deserialize, Serialize};

use crate::limits::{SNAPSHOT_AFTER_EVENTS, SNAPSHOT_FLUSH_PARTS, SNAPSHOT_PART_BYTES};
use crate::read::store::{Store, StoreError, snapshot_key, snapshots_prefix};
use boarding_log::{EventLog, Head, ReadError};

/// The shape of a snapshot; another one is ignored, and the state replayed. Raise it with any change of
/// `Company` or its parts.
const SHAPE: u32 = 7;

/// A company's state, and the commit it stands at.
#[derive(Deserialize)]
struct Snapshot {
    shape: u32,
    hash: Digest,
    company: Company,
}

/// A company as its log left it, the hash of its last commit, and how many events were replayed.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub company: Company,
    pub hash: Digest,
    pub replayed: u64,
}

/// Loads a company: from its snapshot if there is one that fits the log, then the tail.
///
/// # Errors
/// When the log cannot be read. A snapshot that cannot be used is only not used.
pub(crate) fn load(
    log: &dyn EventLog,
    store: Option<&Store>,
    id: &CompanyId,
) -> Result<Loaded, ReadError> {
    let head = log.head(id);
    let snapshot =
        store.and_then(|store| read(store, id)).filter(|snapshot| fits(log, snapshot, head));
    let (mut company, mut hash) = snapshot
        .map_or_else(|| (Company::new(id.clone()), Digest::default()), |s| (s.company, s.hash));
    let replayed = catch_up(log, &mut company, &mut hash)?;
    Ok(Loaded { company, hash, replayed })
}

/// Adds what the log holds beyond this state; answers how many events that were.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn catch_up(
    log: &dyn EventLog,
    company: &mut Company,
    hash: &mut Digest,
) -> Result<u64, ReadError> {
    let from = company.version + 1;
    let mut replayed = 0;
    let mut reader = log.read_company(&company.id, from);
    while let Some(entry) = reader.next()? {
        let commit = &entry.recorded.commit;
        let is_known = commit.first_version < from
            || (commit.events.is_empty()
                && commit.first_version == from
                && entry.recorded.hash == *hash);
        if !is_known {
            company.apply(commit);
            *hash = entry.recorded.hash;
            replayed += commit.events.len() as u64;
        }
    }
    Ok(replayed)
}

/// Whether a snapshot would save more than it costs: the tail is long, beside what would be written.
pub(crate) fn worth_it(company: &Company, tail: u64) -> bool {
    tail > SNAPSHOT_AFTER_EVENTS.max(2 * company.users.len() as u64)
}

/// Whether the snapshot is of this very history: the log holds the commit it stands at.
fn fits(log: &dyn EventLog, snapshot: &Snapshot, head: Head) -> bool {
    let version = snapshot.company.version;
    if snapshot.shape != SHAPE || version > head.version {
        return false;
    }
    let mut reader = log.read_company(&snapshot.company.id, version);
    while let Ok(Some(entry)) = reader.next() {
        if entry.recorded.hash == snapshot.hash {
            return true;
        }
        if entry.recorded.commit.first_version > version + 1 {
            return false;
        }
    }
    false
}

fn read(store: &Store, id: &CompanyId) -> Option<Snapshot> {
    let mut bytes = Vec::new();
    let mut collect = |_: &[u8], part: &[u8]| {
        bytes.extend_from_slice(part);
        ControlFlow::Continue(())
    };
    store.scan_raw(&snapshots_prefix(id), &[], &mut collect).ok()?;
    rmp_serde::from_slice(&bytes).ok()
}

/// Writes a company's snapshot in the place of the one before, part by part: it may be large.
///
/// # Errors
/// When the store cannot be written; nothing is lost by that.
pub(crate) fn write(store: &Store, company: &Company, hash: Digest) -> Result<(), StoreError> {
    let mut old = Vec::new();
    let mut collect = |key: &[u8], _: &[u8]| {
        old.push(key.to_vec());
        ControlFlow::Continue(())
    };
    store.scan_raw(&snapshots_prefix(&company.id), &[], &mut collect)?;
    let mut batch = sled::Batch::default();
    old.into_iter().for_each(|key| batch.remove(key));
    store.apply(batch)?;
    let mut parts = Parts { store, id: &company.id, next: 0, bytes: Vec::new(), failed: None };
    let written = rmp_serde::encode::write(&mut parts, &SnapshotOf { shape: SHAPE, hash, company });
    if written.is_ok() {
        parts.put();
    }
    parts.failed.map_or(Ok(()), Err)
}

/// A snapshot to write, as [`Snapshot`] will be read.
#[derive(Serialize)]
struct SnapshotOf<'a> {
    shape: u32,
    hash: Digest,
    company: &'a Company,
}

/// Cuts what is written into rows of the store. A snapshot whose end is missing does not decode.
struct Parts<'a> {
    store: &'a Store,
    id: &'a CompanyId,
    next: u32,
    bytes: Vec<u8>,
    failed: Option<StoreError>,
}

impl Parts<'_> {
    fn put(&mut self) {
        let mut batch = sled::Batch::default();
        batch.insert(snapshot_key(self.id, self.next), std::mem::take(&mut self.bytes));
        self.next += 1;
        let flush = self.next.is_multiple_of(SNAPSHOT_FLUSH_PARTS);
        let put = self.store.apply(batch);
        let put = put.and_then(|()| if flush { self.store.flush() } else { Ok(()) });
        if let Err(error) = put {
            self.failed = Some(error);
        }
    }
}

impl io::Write for Parts<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() >= SNAPSHOT_PART_BYTES {
            self.put();
        }
        if self.failed.is_some() {
            Err(io::Error::other("the store failed"))
        } else {
            Ok(bytes.len())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
