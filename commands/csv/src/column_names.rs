//! The names by which a file's columns are found: the caller's, the format's, and those that are only suggested.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::json;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::column::{Column, HeaderWords};
use crate::decoration;
use crate::defect::{Defect, DefectKind};
use crate::names::{plain, similarity};
use crate::record::Record;

/// The longest name, in characters, that is compared with the known names: more than twice the longest of them.
const COMPARED_CHARS_MAX: usize = 100;

/// The names by which the columns of a format are found.
#[derive(Debug)]
pub(crate) struct ColumnNames {
    pub(crate) columns: &'static [Column],
    /// The format's names and aliases, made plain, with the index of the column.
    by_name: HashMap<String, usize>,
    /// The names in the caller's mapping, made plain, with the index of the column.
    mapped: HashMap<String, usize>,
    /// Words of other languages, without accents, with the index of the column. They are only suggested.
    words: HashMap<String, usize>,
}

impl ColumnNames {
    /// The format's names, and the caller's names for its columns. The caller's names take precedence.
    ///
    /// # Errors
    /// `MissingColumn` for a mapping to a column that the format does not have.
    pub(crate) fn new(
        columns: &'static [Column],
        suggested: &[HeaderWords],
        mapping: &BTreeMap<String, String>,
    ) -> Result<Self, Defect> {
        let mut by_name = HashMap::new();
        for (index, column) in columns.iter().enumerate() {
            by_name.insert(plain(column.name), index);
            by_name.extend(column.aliases.iter().map(|alias| (plain(alias), index)));
        }
        let mut mapped = HashMap::new();
        for (file_name, format_name) in mapping {
            let Some(&index) = by_name.get(&plain(format_name)) else {
                let known: Vec<_> = columns.iter().map(|column| column.name).collect();
                return Err(Defect::new(DefectKind::MissingColumn)
                    .saying("the mapping names a column that this dialect does not have")
                    .with(json!({"known": known})));
            };
            mapped.insert(plain(file_name), index);
        }
        let mut words = HashMap::new();
        for entry in suggested {
            let Some(&index) = entry.columns.iter().find_map(|name| by_name.get(&plain(name)))
            else {
                continue;
            };
            for word in entry.words.split(';') {
                words.entry(bare(word)).or_insert(index);
            }
        }
        Ok(Self { columns, by_name, mapped, words })
    }

    /// The index of the column of this name. Case, blanks, punctuation and decorations are ignored.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let whole = plain(name);
        let found = self.mapped.get(&whole).or_else(|| self.by_name.get(&whole));
        found.copied().or_else(|| {
            let undecorated = decoration::removed(name);
            let named = |name: &String| self.by_name.get(&plain(name)).copied();
            // Other words in brackets may change the meaning, unless they are another name of the column.
            let found = named(&undecorated.name).filter(|index| {
                undecorated.qualifiers.iter().all(|one| named(one) == Some(*index))
            });
            found.or_else(|| undecorated.technical.iter().find_map(named))
        })
    }

    /// Whether a name is a column's, or a word for one in another language.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.find(name).is_some() || self.words.contains_key(&bare(name))
    }

    /// Whether the caller's mapping has this name of the file.
    pub(crate) fn is_mapped(&self, name: &str) -> bool {
        self.mapped.contains_key(&plain(name))
    }

    /// Whether the caller's mapping has a column of the file for this column of the format.
    pub(crate) fn is_chosen(&self, index: usize) -> bool {
        self.mapped.values().any(|one| *one == index)
    }

    /// Refuses a mapping that names a column of the file which the file does not have. Without this check, a typing
    /// error in the mapping would silently lose the column.
    pub(crate) fn check_mapped(&self, record: &Record) -> Result<(), Defect> {
        let present: HashSet<String> = record.cells().map(plain).collect();
        let missing = self.mapped.iter().filter(|(name, _)| !present.contains(*name));
        let mut missing: Vec<&str> =
            missing.filter_map(|(_, &index)| Some(self.columns.get(index)?.name)).collect();
        // The order of a hash map is random; the message must always be the same.
        missing.sort_unstable();
        if missing.is_empty() {
            return Ok(());
        }
        let names = missing.join(", ");
        Err(Defect::new(DefectKind::MissingColumn)
            .saying(&format!("the mapping for {names} names a column that the file does not have"))
            .with(json!({"columns": missing, "line": record.line})))
    }

    /// The format's name of the column that a name of the file means: by a word of another language, otherwise by the
    /// most similar name. None if no name is similar enough. Only columns that `is_free` accepts are suggested.
    pub(crate) fn nearest(
        &self,
        name: &str,
        is_free: impl Fn(usize) -> bool,
    ) -> Option<&'static str> {
        let undecorated = decoration::removed(name).name;
        let word = |name: &str| self.words.get(&bare(name)).copied();
        let meant = word(name)
            .or_else(|| word(&undecorated))
            .or_else(|| self.by_name.get(&plain(&undecorated)).copied());
        if let Some(column) = meant.filter(|index| is_free(*index)) {
            return Some(self.columns.get(column)?.name);
        }
        let name = bare(&undecorated);
        if name.chars().nth(COMPARED_CHARS_MAX).is_some() {
            return None;
        }
        let known = self.by_name.iter().chain(&self.words).filter(|(_, index)| is_free(**index));
        let best = known
            .filter_map(|(known, &index)| Some((similarity(&name, known)?, index)))
            // Of equally similar names the first column wins, so that the order of the hash map does not matter.
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
        Some(self.columns.get(best.1)?.name)
    }
}

/// The plain form of a name without accents: people leave them out.
fn bare(name: &str) -> String {
    plain(name).nfkd().filter(|c| !is_combining_mark(*c)).collect()
}
