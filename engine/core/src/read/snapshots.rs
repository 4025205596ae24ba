//! Snapshots of companies: they shorten loading and can always be rebuilt.

use std::io;
use std::ops::ControlFlow;

use boarding_commands::company::Company;
use boarding_commands::values::{CompanyId, Digest};
use serde::{Deserialize, Serialize};

use crate::limits::{SNAPSHOT_AFTER_EVENTS, SNAPSHOT_FLUSH_PARTS, SNAPSHOT_PART_BYTES};
use crate::read::store::{Store, StoreError, snapshot_key, snapshots_prefix};
use boarding_log::{EventLog, Head, ReadError};

/// The format of snapshots. Snapshots of another format are ignored. Increase it with any change of `Company`
/// or its parts.
const SHAPE: u32 = 25;

/// The state of a company after one commit.
#[derive(Deserialize)]
struct Snapshot {
    shape: u32,
    hash: Digest,
    company: Company,
}

/// A loaded company, the hash of its last commit, and the number of replayed events.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub company: Company,
    pub hash: Digest,
    pub replayed: u64,
}

/// Loads a company from its snapshot, if it matches the log, and the commits after it.
///
/// # Errors
/// When the log cannot be read. An unusable snapshot is ignored.
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

/// Applies the commits after this state. Returns the number of events.
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

/// Whether a snapshot saves more than it costs: there are many events compared to its size.
pub(crate) fn worth_it(company: &Company, tail: u64) -> bool {
    tail > SNAPSHOT_AFTER_EVENTS.max(2 * company.users.len() as u64)
}

/// Whether the snapshot belongs to this log: the log contains its commit.
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

/// Replaces the snapshot of a company. It is written in parts, because it may be large.
///
/// # Errors
/// When the store cannot be written. That loses no data.
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

/// The borrowed form of [`Snapshot`] for writing.
#[derive(Serialize)]
struct SnapshotOf<'a> {
    shape: u32,
    hash: Digest,
    company: &'a Company,
}

/// Splits the written bytes into rows of the store. An incomplete snapshot does not decode and is ignored.
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
