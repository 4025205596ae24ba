//! Rows of the store: changes in memory over blocks in the tree.
//!
//! A read takes the changes first and the tree after them, so a change that is written in between is not missed.
//! Only one thread writes. It merges changes into blocks; many changes are first stored as they are, together with the
//! metadata, so a kill in the middle of the merge loses nothing.

use std::iter::Peekable;
use std::ops::{Bound, ControlFlow};

use boarding_projections::rows::{Table, Visit};
use sled::IVec;

use super::batch::CountedBatch;
use super::block::{self, NewBlock, Packer};
use super::content::ContentDigest;
use super::meta::StoredMeta;
use super::unwritten::{self, Change, Changes, Row};
use super::{Meta, Store, StoreCause, StoreError, keys};
use crate::limits::{ONE_STEP_BYTES_MAX, REDO_BATCH_PARTS, REDO_PART_BYTES, STEP_BYTES};

impl Store {
    /// The bytes of a row.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(crate) fn get_row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(change) = self.inner.unwritten.get(key) {
            return Ok(change.map(|row| row.to_vec()));
        }
        let group = keys::group(key);
        let wanted = key.get(group.len()..).unwrap_or_default();
        self.guard("read", |tree| {
            let Some((_, block)) = block_of(tree, group, key)? else { return Ok(None) };
            Ok(block::find(&block, wanted)?.map(<[u8]>::to_vec))
        })
    }

    /// Calls a function for each row from `from` on that has the prefix. The prefix contains a whole group.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(crate) fn scan_rows(
        &self,
        prefix: &[u8],
        from: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        let mut from = from.max(prefix).to_vec();
        loop {
            let window = self.inner.unwritten.window(&from, prefix);
            let range = Range { prefix, from: &from, end: window.end.as_deref() };
            let done = self.guard("read", |tree| {
                Merged { changes: window.changes.into_iter().peekable(), visit: &mut *visit }
                    .read(tree, &range)
            })?;
            match window.end {
                Some(mut end) if done.is_continue() => {
                    // The next possible key.
                    end.push(0);
                    from = end;
                }
                _ => return Ok(()),
            }
        }
    }

    /// Adds changes of rows. They are visible at once, all of them or none.
    pub(crate) fn add(&self, changes: Vec<Change>) {
        self.inner.unwritten.add(changes);
    }

    /// The bytes of rows that are not in the tree yet.
    pub(crate) fn unwritten_bytes(&self) -> usize {
        self.inner.unwritten.bytes()
    }

    /// Writes all changes, and the metadata that belongs to them.
    ///
    /// # Errors
    /// When the tree cannot be written. Then the store is to be opened again.
    pub(crate) fn write(&self, meta: &Meta) -> Result<(), StoreError> {
        let (number, changes) = self.inner.unwritten.begin_writing();
        let bytes: usize =
            changes.iter().map(|(key, row)| unwritten::bytes_of(key.len(), row.as_ref())).sum();
        let mut last = StoredMeta::of(meta, number, 0);
        if bytes <= ONE_STEP_BYTES_MAX {
            let mut batch = self.new_batch()?;
            self.guard("write", |tree| {
                merge(tree, &changes, &mut batch, &mut |_| Ok(()))?;
                batch.write(tree, &mut last)
            })?;
        } else {
            let mut stored = self.store_changes(&changes, meta, number)?;
            let mut batch = CountedBatch::on(&stored);
            self.guard("write", |tree| {
                merge(tree, &changes, &mut batch, &mut |batch| {
                    if batch.bytes() < STEP_BYTES { Ok(()) } else { batch.write(tree, &mut stored) }
                })?;
                batch.write(tree, &mut last)
            })?;
            self.remove_prefix(&keys::redos())?;
        }
        self.flush()?;
        self.inner.unwritten.end_writing(number);
        Ok(())
    }

    /// An empty batch on the tree as it is.
    pub(super) fn new_batch(&self) -> Result<CountedBatch, StoreError> {
        Ok(CountedBatch::on(&self.read_stored_meta()?))
    }

    /// Stores the changes as they are. From then on a kill does not lose them. Returns the metadata of the tree.
    pub(super) fn store_changes(
        &self,
        changes: &Changes,
        meta: &Meta,
        number: u64,
    ) -> Result<StoredMeta, StoreError> {
        let mut before = self.read_stored_meta()?;
        let mut batch = CountedBatch::on(&before);
        let (mut parts, mut bytes) = (0u32, Vec::new());
        for (key, row) in changes {
            unwritten::encode(key, row.as_deref(), &mut bytes)
                .map_err(|cause| self.error("write", cause))?;
            // Short values: the library puts a long one into a separate file.
            while bytes.len() >= REDO_PART_BYTES {
                let rest = bytes.split_off(REDO_PART_BYTES);
                batch.put(keys::redo(number, parts), std::mem::replace(&mut bytes, rest), None);
                parts += 1;
                if parts.is_multiple_of(REDO_BATCH_PARTS) {
                    self.write_batch(&mut batch, &mut before)?;
                }
            }
        }
        batch.put(keys::redo(number, parts), bytes, None);
        let mut stored = StoredMeta::of(meta, number, parts + 1);
        self.write_batch(&mut batch, &mut stored)?;
        Ok(stored)
    }

    /// Opens the same folder again. If the tree is that of the last write, or of an unfinished one, the changes since
    /// then are kept and written. Otherwise the log gives them again. Returns the metadata of the rows.
    ///
    /// # Errors
    /// When the folder cannot be opened or written.
    pub(crate) fn reopen(&self, meta: &Meta) -> Result<Meta, StoreError> {
        self.open_whole_tree()?;
        self.count_tree()?;
        if self.inner.unwritten.follows(self.read_stored_meta()?.write) {
            self.write(meta)?;
        } else {
            self.finish_write()?;
        }
        self.read_meta()
    }

    /// Forgets changes in memory, finishes a write that a kill has interrupted, and removes what is left of one that was
    /// not begun.
    ///
    /// # Errors
    /// When the tree cannot be read or written.
    pub(super) fn finish_write(&self) -> Result<(), StoreError> {
        self.count_tree()?;
        let stored = self.read_stored_meta()?;
        self.inner.unwritten.forget(stored.write);
        if stored.redo_parts > 0 {
            let (mut parts, mut bytes) = (0, Vec::new());
            self.scan_raw(&keys::redos_of(stored.write), &[], &mut |_, part| {
                parts += 1;
                bytes.extend_from_slice(part);
                ControlFlow::Continue(())
            })?;
            if parts != stored.redo_parts {
                return Err(self.damage());
            }
            let changes = unwritten::decode(&bytes).map_err(|_| self.damage())?;
            self.add(changes);
            self.write(&stored.meta)?;
        }
        self.remove_prefix(&keys::redos())?;
        self.inner.unwritten.begin();
        Ok(())
    }

    /// Removes the rows of an unused build.
    pub(crate) fn remove_build(&self, table: Table, build: u8) -> Result<(), StoreError> {
        let prefix = keys::build(table, build);
        self.inner.unwritten.forget_prefix(&prefix);
        self.remove_prefix(&prefix)
    }

    /// Removes the snapshots of companies that an earlier program has written: now they are files.
    pub(crate) fn remove_former_snapshots(&self) -> Result<(), StoreError> {
        self.remove_prefix(&keys::former_snapshots())
    }

    /// Adds the digest to the metadata of a tree that an earlier program has written.
    fn count_tree(&self) -> Result<(), StoreError> {
        let mut stored = self.read_stored_meta()?;
        if stored.digest.is_some() {
            return Ok(());
        }
        stored.digest = Some(self.guard("check", ContentDigest::of_tree)?);
        self.write_batch(&mut CountedBatch::on(&stored), &mut stored)
    }

    /// Removes the values of the tree under a prefix.
    fn remove_prefix(&self, prefix: &[u8]) -> Result<(), StoreError> {
        /// The most keys of one batch.
        const KEYS_MAX: usize = 1_000;
        loop {
            let mut stored = self.read_stored_meta()?;
            let mut batch = CountedBatch::on(&stored);
            let mut found = 0;
            self.scan_raw(prefix, &[], &mut |key, value| {
                batch.remove(key, value);
                found += 1;
                if found < KEYS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            if found == 0 {
                return Ok(());
            }
            self.write_batch(&mut batch, &mut stored)?;
        }
    }
}

/// The block that has the key, or would have it: its key is the last one of the group that is not above.
fn block_of(tree: &sled::Db, group: &[u8], key: &[u8]) -> Result<Option<(IVec, IVec)>, StoreCause> {
    Ok(tree.range(group..=key).next_back().transpose()?)
}

/// The rows to read.
struct Range<'a> {
    prefix: &'a [u8],
    from: &'a [u8],
    /// The last key; without one all keys of the prefix.
    end: Option<&'a [u8]>,
}

impl Range<'_> {
    fn is_beyond(&self, key: &[u8]) -> bool {
        self.end.is_some_and(|end| key > end) || !key.starts_with(self.prefix)
    }
}

/// Visits rows of the tree and changes in the order of their keys.
struct Merged<'a, 'v> {
    changes: Peekable<std::collections::btree_map::IntoIter<Vec<u8>, Option<Row>>>,
    visit: &'a mut Visit<'v>,
}

impl Merged<'_, '_> {
    fn read(mut self, tree: &sled::Db, range: &Range<'_>) -> Result<ControlFlow<()>, StoreCause> {
        let group = keys::group(range.prefix);
        let first =
            block_of(tree, group, range.from)?.map_or_else(|| range.from.into(), |(key, _)| key);
        let (mut key, mut last) = (group.to_vec(), Vec::new());
        'blocks: for entry in tree.range(first..) {
            let (block_key, block) = entry?;
            if !block_key.starts_with(group) {
                break;
            }
            for row in block::rows(&block) {
                let (rest, row) = row?;
                key.truncate(group.len());
                key.extend_from_slice(rest);
                // A block that was split meanwhile shows its second half again.
                if key.as_slice() < range.from || key <= last {
                    continue;
                }
                if range.is_beyond(&key) {
                    break 'blocks;
                }
                if self.row(&key, row).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                last.clone_from(&key);
            }
        }
        Ok(self.rest())
    }

    /// Visits the changes before a row of the tree, then the row or its change.
    fn row(&mut self, key: &[u8], row: &[u8]) -> ControlFlow<()> {
        while let Some((changed, change)) =
            self.changes.next_if(|(changed, _)| changed.as_slice() <= key)
        {
            if let Some(new) = &change {
                (self.visit)(&changed, new)?;
            }
            if changed == key {
                return ControlFlow::Continue(());
            }
        }
        (self.visit)(key, row)
    }

    /// Visits the changes after the last row of the tree.
    fn rest(self) -> ControlFlow<()> {
        for (key, change) in self.changes {
            if let Some(row) = &change {
                (self.visit)(&key, row)?;
            }
        }
        ControlFlow::Continue(())
    }
}

/// Merges changes into blocks and adds these to the batch. Calls `step` after each block that was merged: it may write
/// the batch.
pub(super) fn merge(
    tree: &sled::Db,
    changes: &Changes,
    batch: &mut CountedBatch,
    step: &mut dyn FnMut(&mut CountedBatch) -> Result<(), StoreCause>,
) -> Result<(), StoreCause> {
    let mut rest = changes.iter().peekable();
    while let Some((key, _)) = rest.peek() {
        let group = keys::group(key);
        let old = block_of(tree, group, key)?;
        let begin = old.as_ref().map_or_else(
            || Bound::Included(key.as_slice()),
            |(key, _)| Bound::Excluded(key.as_ref()),
        );
        let next = tree.range::<&[u8], _>((begin, Bound::Unbounded)).keys().next().transpose()?;
        let next = next.filter(|next| next.starts_with(group));
        let block = old.as_ref().map_or(&[][..], |(_, block)| block.as_ref());
        let mut packer = Packer::default();
        let mut before = block::rows(block).peekable();
        while let Some((key, change)) = rest.next_if(|(key, _)| {
            key.starts_with(group)
                && next.as_ref().is_none_or(|next| key.as_slice() < next.as_ref())
        }) {
            let key = key.get(group.len()..).unwrap_or_default();
            // A damaged entry is taken too, and is found here.
            while let Some(row) =
                before.next_if(|row| row.as_ref().is_ok_and(|(old, _)| *old <= key) || row.is_err())
            {
                let (old, row) = row?;
                if old < key {
                    packer.push(old, row)?;
                }
            }
            if let Some(row) = change {
                packer.push(key, row)?;
            }
        }
        for row in before {
            let (key, row) = row?;
            packer.push(key, row)?;
        }
        put_blocks(batch, group, old, packer.into_blocks());
        step(batch)?;
    }
    Ok(())
}

/// Replaces a block by others, or puts the first ones. The first keeps the key of the old one.
fn put_blocks(
    batch: &mut CountedBatch,
    group: &[u8],
    mut old: Option<(IVec, IVec)>,
    blocks: Vec<NewBlock>,
) {
    if blocks.is_empty()
        && let Some((key, block)) = &old
    {
        batch.remove(key, block);
    }
    for block in blocks {
        match old.take() {
            Some((key, before)) => batch.put(key, block.bytes, Some(&before)),
            None => batch.put([group, &block.first].concat(), block.bytes, None),
        }
    }
}
