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
    /// Words of other languages, without accents. They are only suggested.
    words: HashMap<String, Word>,
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
        let mut words: HashMap<String, Word> = HashMap::new();
        for (rank, entry) in suggested.iter().enumerate() {
            let find = |name: &&str| by_name.get(&plain(name)).copied();
            let beside = entry.beside.and_then(|name| find(&name));
            let column = entry.columns.iter().find_map(find);
            let column = column.filter(|_| beside.is_some() || entry.beside.is_none());
            for word in entry.words.split(';') {
                let known = words.entry(bare(word)).or_insert(Word { column, rank, beside });
                // A later entry may have a column of this format.
                if known.column.is_none() {
                    *known = Word { column, rank, beside };
                }
            }
        }
        Ok(Self { columns, by_name, mapped, words })
    }

    /// The index of the column of this name. Case, blanks, punctuation and decorations are ignored.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let whole = plain(name);
        let found = self.mapped.get(&whole).or_else(|| self.by_name.get(&whole));
        found.copied().or_else(|| {
            let undecorated = decoration::remove(name);
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
        let word = || self.words.get(&bare(name)).is_some_and(|word| word.column.is_some());
        self.find(name).is_some() || word()
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

    /// For each unknown name of a file, the format's name of the column that it means: by a word of another language,
    /// otherwise the most similar one. None if no column is meant. No column is suggested twice, and none that the file
    /// has: those are `taken`.
    pub(crate) fn suggested(&self, unknown: &[&str], taken: &[usize]) -> Vec<Option<&'static str>> {
        let mut taken: HashSet<usize> = taken.iter().copied().collect();
        let names: Vec<_> = unknown.iter().map(|name| Suggestible::of(name)).collect();
        let words: Vec<_> = names.iter().map(|name| self.word(name)).collect();
        let mut meant: Vec<(usize, usize, usize)> = (0..)
            .zip(&words)
            .filter_map(|(place, word)| {
                word.and_then(Word::plainly).map(|(rank, column)| (rank, place, column))
            })
            .collect();
        meant.sort_unstable();
        let mut found = vec![None; unknown.len()];
        let mut suggest = |place: usize, column: usize, taken: &mut HashSet<usize>| {
            if let Some(free @ None) = found.get_mut(place)
                && taken.insert(column)
            {
                *free = Some(column);
            }
        };
        for (_, place, column) in meant {
            suggest(place, column, &mut taken);
        }
        for (place, word) in (0..).zip(&words) {
            if let Some(Word { column: Some(column), beside: Some(beside), .. }) = word
                && taken.contains(beside)
            {
                suggest(place, *column, &mut taken);
            }
        }
        // A word has one meaning, so the name is not compared with other words.
        let others = (0..).zip(names.iter().zip(&words)).filter(|(_, (_, word))| word.is_none());
        let mut similar: Vec<(f64, usize, usize)> = others
            .flat_map(|(place, (name, _))| {
                self.similar(name).into_iter().map(move |(column, most)| (most, place, column))
            })
            .collect();
        similar.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        for (_, place, column) in similar {
            suggest(place, column, &mut taken);
        }
        let name = |column: usize| self.columns.get(column).map(|column| column.name);
        found.into_iter().map(|column| column.and_then(name)).collect()
    }

    /// What a name means by a word, or because only its decoration is unknown.
    fn word(&self, name: &Suggestible) -> Option<Word> {
        let word = self.words.get(&name.whole).or_else(|| self.words.get(&name.bare)).copied();
        let known = || {
            let column = self.by_name.get(&name.plain).copied()?;
            Some(Word { column: Some(column), rank: 0, beside: None })
        };
        word.or_else(known)
    }

    /// The columns with a similar name, each with its greatest similarity.
    fn similar(&self, name: &Suggestible) -> BTreeMap<usize, f64> {
        let mut most: BTreeMap<usize, f64> = BTreeMap::new();
        if name.bare.chars().nth(COMPARED_CHARS_MAX).is_some() {
            return most;
        }
        let words = self.words.iter().filter_map(|(known, word)| Some((known, word.column?)));
        let names = self.by_name.iter().map(|(known, column)| (known, *column));
        for (known, column) in names.chain(words) {
            if let Some(similarity) = similarity(&name.bare, known) {
                let before = most.entry(column).or_insert(similarity);
                *before = before.max(similarity);
            }
        }
        most
    }
}

/// What a word of another language means.
#[derive(Debug, Clone, Copy)]
struct Word {
    /// The index of the column. None if the format does not have the column.
    column: Option<usize>,
    /// Of two words for one column, the one with the lower rank is meant.
    rank: usize,
    /// The column without which the word means something else.
    beside: Option<usize>,
}

impl Word {
    /// Rank and column, unless the meaning depends on another column.
    fn plainly(self) -> Option<(usize, usize)> {
        Some((self.rank, self.column.filter(|_| self.beside.is_none())?))
    }
}

/// A name of a file in the forms in which it is looked up.
struct Suggestible {
    whole: String,
    plain: String,
    bare: String,
}

impl Suggestible {
    fn of(name: &str) -> Self {
        let undecorated = decoration::remove(name).name;
        Self { whole: bare(name), plain: plain(&undecorated), bare: bare(&undecorated) }
    }
}

/// The plain form of a name without accents: people leave them out.
fn bare(name: &str) -> String {
    plain(name).nfkd().filter(|c| !is_combining_mark(*c)).collect()
}
