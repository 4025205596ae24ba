//! Earlier rows of a row's key, and the columns in which they differ: for the words of the problem only.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};

use boarding_csv::{CellValue, Row};

use crate::values::UserKey;

/// The most earlier rows of one key that a row is compared with. The key is nearly always taken by the first one.
const COMPARED_MAX: usize = 8;
/// The most rows that are kept for comparing, to bound the memory: 20 MB.
const KEPT_MAX: usize = 100_000;

/// An earlier row of the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SameKey {
    pub row: u64,
    pub line: u64,
    /// The columns in which the two rows differ, by the dialect's names.
    pub differing: Vec<&'static str>,
}

/// The rows of repeated keys so far.
#[derive(Debug, Default)]
pub(super) struct EarlierRows {
    by_key: HashMap<u64, Vec<Earlier>>,
    kept: usize,
}

#[derive(Debug)]
struct Earlier {
    row: u64,
    line: u64,
    cells: Box<[u32]>,
}

impl EarlierRows {
    /// Compares a row with the earlier rows of its key, and keeps it for later ones.
    pub(super) fn compare(&mut self, key: &UserKey, number: u64, row: &Row<'_>) -> Vec<SameKey> {
        let cells: Box<[u32]> = (0..row.columns()).map(|at| mark(row.cell(at))).collect();
        let earlier = self.by_key.entry(hash(&key.folded())).or_default();
        let same = earlier.iter().map(|one| {
            let pairs = one.cells.iter().zip(&cells).enumerate();
            let differing = pairs.filter(|(_, (a, b))| a != b);
            SameKey {
                row: one.row,
                line: one.line,
                differing: differing.map(|(at, _)| row.column_name(at)).collect(),
            }
        });
        let same = same.collect();
        if earlier.len() < COMPARED_MAX && self.kept < KEPT_MAX {
            self.kept += 1;
            earlier.push(Earlier { row: number, line: row.line(), cells });
        }
        same
    }
}

/// A short mark of a cell: other texts have other marks. A blank cell has the mark of a missing one.
fn mark(cell: CellValue<&str>) -> u32 {
    cell.value().map_or(0, |text| u32::try_from(hash(text) >> 32).unwrap_or_default())
}

/// The hash by which texts of one file are compared.
pub(super) fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}
