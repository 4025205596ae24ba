//! The users that a file creates, read before its rows, because a row may refer to a later row's user.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::Read;

use boarding_csv::Limits;

use super::defects::FileError;
use super::dialect::Dialect;
use super::read::{ReadOptions, rows};
use super::row::{ParsedRow, RowValues};
use crate::values::UserKey;

/// The keys of the users that a file creates, as far as the file alone shows it. A million keys take about 40 MB.
#[derive(Debug, Default)]
pub struct CreatedKeys {
    /// A key's hash → whether the first row of that key creates the user, unless the user exists already.
    keys: HashMap<u64, bool>,
}

impl CreatedKeys {
    /// Whether the file creates the user of this key, unless the user exists already.
    pub fn contains(&self, key: &UserKey) -> bool {
        self.keys.get(&hash(key)).copied().unwrap_or_default()
    }

    /// The first row of a key decides, even if it is refused. Later rows of the key are its duplicates.
    fn add(&mut self, row: &ParsedRow) {
        let Some(key) = &row.values.user else { return };
        let RowValues { enabled, archived, .. } = row.values;
        let creates = row.problems.is_empty() && enabled != Some(false) && !archived;
        self.keys.entry(hash(key)).or_insert(creates);
    }
}

/// Reads which users a file creates. Does not read the file if no row of the dialect refers to another row.
///
/// # Errors
/// The same as of [`super::scan`].
pub fn created_keys<R: Read>(
    input: R,
    dialect: &dyn Dialect,
    options: &ReadOptions,
    limits: &Limits,
) -> Result<CreatedKeys, FileError> {
    let mut created = CreatedKeys::default();
    if dialect.refers_ahead() {
        for row in rows(input, dialect, options, limits)? {
            created.add(&row?);
        }
    }
    Ok(created)
}

fn hash(key: &UserKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(key.folded().as_bytes());
    hasher.finish()
}
