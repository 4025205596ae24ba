//! Whom a file creates, read before its rows: for dialects whose rows refer to people of later rows (OC-15).

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::Read;

use super::failure::FileError;
use super::options::{Limits, Options};
use super::row::{ParsedRow, RowValues};
use super::rows;
use crate::dialect::Dialect;
use crate::id::UserKey;

/// The keys that a file's rows name, as far as the file alone can tell what becomes of them. A million of
/// them take some 40 MB.
#[derive(Debug, Default)]
pub struct Named {
    /// A key's hash → whether the first row of that key creates the person, if nobody has the key yet.
    keys: HashMap<u64, bool>,
}

impl Named {
    /// Whether the file creates the person of this key, if nobody has it yet.
    pub fn creates(&self, key: &UserKey) -> bool {
        self.keys.get(&hash(key)).copied().unwrap_or_default()
    }

    /// The first row of a key decides, also if it is refused: later ones are its duplicates (N46).
    fn note(&mut self, row: &ParsedRow) {
        let Some(key) = &row.values.user else { return };
        let RowValues { enabled, archived, .. } = row.values;
        let creates = row.problems.is_empty() && enabled != Some(false) && !archived;
        self.keys.entry(hash(key)).or_insert(creates);
    }
}

/// Reads whom a file creates; nobody, without a look at it, where no row refers to another.
///
/// # Errors
/// The same as [`super::scan`]'s.
pub fn named<R: Read>(
    input: R,
    dialect: &dyn Dialect,
    options: &Options,
    limits: &Limits,
) -> Result<Named, FileError> {
    let mut named = Named::default();
    if dialect.refers_ahead() {
        for row in rows(input, dialect, options, limits)? {
            named.note(&row?);
        }
    }
    Ok(named)
}

fn hash(key: &UserKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(key.folded().as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect;

    fn of(name: &str, file: &str) -> Named {
        let (options, limits) = (Options::default(), Limits::default());
        named(file.as_bytes(), dialect::find(name).unwrap(), &options, &limits).unwrap()
    }

    /// OC-15: what stands in any row counts, but only if that row would create the person.
    #[test]
    fn oc_15_a_file_creates_whom_its_first_good_row_of_a_key_names() {
        let file = "email/login,Enabled\nann@x.example,\nbob,FALSE\nBOB,TRUE\nbad@x,TRUE\n,TRUE\n";
        let named = of("officechat", file);
        let created = |key: &str| named.creates(&UserKey::new(key));
        assert!(created(" ANN@x.example"));
        for other in ["bob", "bad@x", "", "carl"] {
            assert!(!created(other), "{other}");
        }
    }

    #[test]
    fn where_no_row_refers_to_another_the_file_is_not_read() {
        assert!(of("leapxpert", "no header of ours\n").keys.is_empty());
    }
}
