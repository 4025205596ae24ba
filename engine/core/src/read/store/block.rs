//! A block: rows of one company and table beside each other in one value of the tree.
//!
//! A value of the tree costs some ten microseconds, however short it is. So rows are packed. Every key of a block
//! begins with the same group: kind of data, build and company. The block's own key is that of its first row when the
//! block was made; it stays when that row is removed, so a scan that has passed it misses nothing.
//!
//! Each entry has the length of the key without the group (`u16`), the length of the row (`u32`), key and row.

use std::iter;

use super::tree::StoreCause;
use crate::limits::{BLOCK_BYTES, BLOCK_BYTES_MAX};

/// A row of a block: the key without the group, and the bytes.
pub(super) type BlockRow<'a> = (&'a [u8], &'a [u8]);

/// The rows of a block, in the order of their keys.
pub(super) fn rows(block: &[u8]) -> impl Iterator<Item = Result<BlockRow<'_>, StoreCause>> {
    let mut rest = block;
    iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let entry = split_entry(rest);
        // Nothing after damage can be read.
        rest = entry.map_or(&[], |(_, after)| after);
        Some(entry.map(|(row, _)| row).ok_or(StoreCause::Damaged))
    })
}

fn split_entry(bytes: &[u8]) -> Option<(BlockRow<'_>, &[u8])> {
    let (key_bytes, rest) = bytes.split_first_chunk()?;
    let (row_bytes, rest) = rest.split_first_chunk()?;
    let (key, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*key_bytes)))?;
    let (row, rest) =
        rest.split_at_checked(usize::try_from(u32::from_be_bytes(*row_bytes)).ok()?)?;
    Some(((key, row), rest))
}

/// The row of a key without the group.
pub(super) fn find<'a>(block: &'a [u8], wanted: &[u8]) -> Result<Option<&'a [u8]>, StoreCause> {
    for row in rows(block) {
        let (key, row) = row?;
        if key >= wanted {
            return Ok((key == wanted).then_some(row));
        }
    }
    Ok(None)
}

/// A block to write.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct NewBlock {
    /// The key of the first row, without the group.
    pub first: Vec<u8>,
    pub bytes: Vec<u8>,
}

/// Packs rows that come in the order of their keys. A pack that is too large for one block makes several of about the
/// same size.
#[derive(Debug, Default)]
pub(super) struct Packer {
    bytes: Vec<u8>,
    /// Where each entry begins.
    starts: Vec<usize>,
}

impl Packer {
    /// Adds a row.
    ///
    /// # Errors
    /// If the key or the row is longer than a block can say.
    pub(super) fn push(&mut self, key: &[u8], row: &[u8]) -> Result<(), StoreCause> {
        let too_long = |_| StoreCause::TooLong;
        let key_bytes = u16::try_from(key.len()).map_err(too_long)?;
        let row_bytes = u32::try_from(row.len()).map_err(too_long)?;
        self.starts.push(self.bytes.len());
        self.bytes.extend_from_slice(&key_bytes.to_be_bytes());
        self.bytes.extend_from_slice(&row_bytes.to_be_bytes());
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(row);
        Ok(())
    }

    /// The blocks of all rows; none if there is no row.
    pub(super) fn into_blocks(self) -> Vec<NewBlock> {
        let parts = match self.bytes.len() {
            0 => return Vec::new(),
            total if total <= BLOCK_BYTES_MAX => 1,
            total => total.div_ceil(BLOCK_BYTES),
        };
        let target = self.bytes.len().div_ceil(parts);
        let mut blocks = Vec::with_capacity(parts);
        let mut begin = 0;
        for (&start, &end) in self.starts.iter().zip(self.ends().iter()) {
            // A long row gets a separate block, so that a change of another row does not write it again.
            if end - start >= BLOCK_BYTES && begin < start {
                blocks.push(self.block(begin, start));
                begin = start;
            }
            // The entry is the last of its block if the block has its size with it.
            if end - begin >= target || end == self.bytes.len() {
                blocks.push(self.block(begin, end));
                begin = end;
            }
        }
        blocks
    }

    /// Where each entry ends.
    fn ends(&self) -> Vec<usize> {
        self.starts.iter().copied().skip(1).chain([self.bytes.len()]).collect()
    }

    fn block(&self, begin: usize, end: usize) -> NewBlock {
        let bytes = self.bytes.get(begin..end).unwrap_or_default().to_vec();
        let first = split_entry(&bytes).map_or_else(Vec::new, |((key, _), _)| key.to_vec());
        NewBlock { first, bytes }
    }
}
