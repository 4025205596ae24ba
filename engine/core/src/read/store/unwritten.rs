//! Changes of rows that are not in the tree yet. Queries see them; a kill loses them, and the log gives them again.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::tree::StoreCause;

/// The bytes of a row.
pub(crate) type Row = Arc<[u8]>;
/// The new bytes by key; none removes the row.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<Row>>;

/// The changes since the last write, and those that are being written.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    generations: RwLock<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    newest: Changes,
    /// About the bytes of memory that the newest take.
    bytes: usize,
    /// None, some or all of them are in the tree. They stay visible until it has all.
    being_written: Arc<Changes>,
    /// The number of the last whole write of the tree; none until it is known.
    last_write: Option<u64>,
    /// The number of the last write that was tried.
    last_try: u64,
}

/// The changes of a range of keys.
#[derive(Debug, Default)]
pub(super) struct Window {
    pub changes: Changes,
    /// The last key of the range; none if the range is open.
    pub end: Option<Vec<u8>>,
}

impl Unwritten {
    fn read(&self) -> RwLockReadGuard<'_, Generations> {
        self.generations.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Generations> {
        self.generations.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether these changes, and those of an unfinished write, follow this write.
    pub(super) fn follows(&self, write: u64) -> bool {
        let generations = self.read();
        generations.last_write.is_some_and(|last| (last..=generations.last_try).contains(&write))
    }

    /// Adds changes; a query sees all of them or none.
    pub(super) fn add(&self, changes: Vec<Change>) {
        let mut generations = self.write();
        for (key, row) in changes {
            let key_bytes = key.len();
            generations.bytes += CHANGE_BYTES + bytes_of(key_bytes, row.as_ref());
            if let Some(before) = generations.newest.insert(key, row) {
                generations.bytes -= CHANGE_BYTES + bytes_of(key_bytes, before.as_ref());
            }
        }
    }

    /// The change of a row; none if the tree has the row as it is.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<Row>> {
        let generations = self.read();
        let newest = generations.newest.get(key);
        newest.or_else(|| generations.being_written.get(key)).cloned()
    }

    /// The changes from a key on, under a prefix. Has a bounded number of them.
    pub(super) fn window(&self, from: &[u8], prefix: &[u8]) -> Window {
        /// The most changes of each generation: a query copies them while nothing can be added.
        const CHANGES_MAX: usize = 512;
        let generations = self.read();
        let mut window = Window::default();
        for generation in [&*generations.being_written, &generations.newest] {
            let range = generation.range::<[u8], _>((Bound::Included(from), Bound::Unbounded));
            let mut found = range.take_while(|(key, _)| key.starts_with(prefix));
            let mut last = None;
            for (key, row) in found.by_ref().take(CHANGES_MAX) {
                window.changes.insert(key.clone(), row.clone());
                last = Some(key);
            }
            if found.next().is_some() {
                let ends = window.end.iter().chain(last);
                window.end = ends.min().cloned();
            }
        }
        if let Some(end) = &window.end {
            let mut beyond = window.changes.split_off(end);
            window.changes.extend(beyond.remove_entry(end));
        }
        window
    }

    /// About the bytes of memory that the changes since the last `begin_writing` take.
    pub(super) fn bytes(&self) -> usize {
        self.read().bytes
    }

    /// Starts to write all changes. They stay visible until `end_writing`. Returns the number of the write too.
    pub(super) fn begin_writing(&self) -> (u64, Arc<Changes>) {
        let mut generations = self.write();
        generations.last_try += 1;
        let mut newest = std::mem::take(&mut generations.newest);
        generations.bytes = 0;
        // Only after a failed write there are changes to be written already.
        let mut all = Arc::unwrap_or_clone(std::mem::take(&mut generations.being_written));
        all.append(&mut newest);
        generations.being_written = Arc::new(all);
        (generations.last_try, Arc::clone(&generations.being_written))
    }

    /// The tree has all changes of the last `begin_writing`.
    pub(super) fn end_writing(&self, number: u64) {
        let mut generations = self.write();
        generations.being_written = Arc::default();
        generations.last_write = Some(number);
    }

    /// Forgets the changes under a prefix.
    pub(super) fn forget_prefix(&self, prefix: &[u8]) {
        let mut generations = self.write();
        generations.newest.retain(|key, _| !key.starts_with(prefix));
        let being_written = Arc::make_mut(&mut generations.being_written);
        being_written.retain(|key, _| !key.starts_with(prefix));
        let newest = generations.newest.iter();
        let bytes = newest.map(|(key, row)| CHANGE_BYTES + bytes_of(key.len(), row.as_ref())).sum();
        generations.bytes = bytes;
    }

    /// Forgets all changes, because the tree is another one. Its last write is not known yet; its last try is this one.
    pub(super) fn forget(&self, last_try: u64) {
        *self.write() = Generations { last_try, ..Generations::default() };
    }

    /// The tree is whole, as of the last try.
    pub(super) fn begin(&self) {
        let mut generations = self.write();
        generations.last_write = Some(generations.last_try);
    }
}

/// About the bytes of memory that a change takes beside its key and its row.
const CHANGE_BYTES: usize = 100;

/// The bytes of a key and its row.
pub(super) fn bytes_of(key_bytes: usize, row: Option<&Row>) -> usize {
    key_bytes + row.map_or(0, |row| row.len())
}

/// Appends the encoded change: the length of the key, the length of the row or `u32::MAX` for a removed one, key and
/// row.
pub(super) fn encode(key: &[u8], row: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), StoreCause> {
    let too_long = |_| StoreCause::TooLong;
    let row_bytes = row.map_or(Ok(u32::MAX), |row| u32::try_from(row.len())).map_err(too_long)?;
    out.extend_from_slice(&u32::try_from(key.len()).map_err(too_long)?.to_be_bytes());
    out.extend_from_slice(&row_bytes.to_be_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(row.unwrap_or_default());
    Ok(())
}

/// A new row of a key; none removes the row.
pub(crate) type Change = (Vec<u8>, Option<Row>);

/// Decodes what `encode` wrote.
pub(super) fn decode(mut bytes: &[u8]) -> Result<Vec<Change>, StoreCause> {
    let mut changes = Vec::new();
    while !bytes.is_empty() {
        let (change, rest) = split_change(bytes).ok_or(StoreCause::Damaged)?;
        changes.push(change);
        bytes = rest;
    }
    Ok(changes)
}

fn split_change(bytes: &[u8]) -> Option<(Change, &[u8])> {
    let (key_bytes, rest) = bytes.split_first_chunk()?;
    let (row_bytes, rest) = rest.split_first_chunk()?;
    let (key, rest) =
        rest.split_at_checked(usize::try_from(u32::from_be_bytes(*key_bytes)).ok()?)?;
    let row_bytes = u32::from_be_bytes(*row_bytes);
    if row_bytes == u32::MAX {
        return Some(((key.to_vec(), None), rest));
    }
    let (row, rest) = rest.split_at_checked(usize::try_from(row_bytes).ok()?)?;
    Some(((key.to_vec(), Some(row.into())), rest))
}
