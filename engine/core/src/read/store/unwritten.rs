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
    /// The bytes of keys and rows of the newest.
    bytes: usize,
    /// In the tree at least in part: they stay visible until they are in it as a whole.
    being_written: Arc<Changes>,
    /// The number of the last whole write of the tree; none before the tree was read.
    last_write: Option<u64>,
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

    /// The number of the next write of the tree.
    pub(super) fn next_write(&self) -> u64 {
        self.read().last_write.unwrap_or(0) + 1
    }

    /// Whether these changes, and those of an unfinished write, follow this write.
    pub(super) fn follows(&self, write: u64) -> bool {
        self.read().last_write.is_some_and(|last| write == last || write == last + 1)
    }

    /// Adds changes; a query sees all of them or none.
    pub(super) fn add(&self, changes: Vec<Change>) {
        let mut generations = self.write();
        for (key, row) in changes {
            let row_bytes = |row: &Option<Row>| row.as_ref().map_or(0, |row| row.len());
            generations.bytes += row_bytes(&row);
            let key_bytes = key.len();
            match generations.newest.insert(key, row) {
                Some(before) => generations.bytes -= row_bytes(&before),
                None => generations.bytes += key_bytes,
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
    pub(super) fn window(&self, from: Bound<&[u8]>, prefix: &[u8]) -> Window {
        /// The most changes of each generation: a query copies them while nothing can be added.
        const CHANGES_MAX: usize = 512;
        let generations = self.read();
        let mut window = Window::default();
        for generation in [&*generations.being_written, &generations.newest] {
            let range = generation.range::<[u8], _>((from, Bound::Unbounded));
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

    /// The bytes of what `begin_writing` would return.
    pub(super) fn bytes(&self) -> usize {
        self.read().bytes
    }

    /// Starts to write all changes. They stay visible until `end_writing`.
    pub(super) fn begin_writing(&self) -> Arc<Changes> {
        let mut generations = self.write();
        let mut newest = std::mem::take(&mut generations.newest);
        generations.bytes = 0;
        // Only after a failed write there are changes to be written already.
        let mut all = Arc::unwrap_or_clone(std::mem::take(&mut generations.being_written));
        all.append(&mut newest);
        generations.being_written = Arc::new(all);
        Arc::clone(&generations.being_written)
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
        let newest = &generations.newest;
        let bytes =
            newest.iter().map(|(key, row)| key.len() + row.as_ref().map_or(0, |row| row.len()));
        generations.bytes = bytes.sum();
    }

    /// Forgets all changes: the tree is another one, as of this write.
    pub(super) fn begin_after(&self, write: u64) {
        *self.write() = Generations { last_write: Some(write), ..Generations::default() };
    }
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
