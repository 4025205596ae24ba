//! The header: which column of the file is which of the dialect, and everything that is wrong with it.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value, json};
use unicode_normalization::UnicodeNormalization as _;

use super::failure::FileError;
use super::record::Record;
use super::value;
use crate::code::{Code, Problem, Refusal};
use crate::dialect::Column;
use crate::phone::Phone;

/// How alike two names must be to ask "did you mean": one slip in five letters.
pub(super) const LIKENESS: f64 = 0.7;
/// How much of a column's own name is shown, in characters.
const SHOWN_CHARS: usize = 64;

/// A dialect's columns by every name they go by.
#[derive(Debug)]
pub(super) struct Names {
    columns: &'static [Column],
    by_name: HashMap<String, usize>,
    mapped: HashMap<String, usize>,
}

impl Names {
    /// The dialect's names, and the asker's own names for its columns, which go first.
    pub(super) fn new(
        columns: &'static [Column],
        asked: &BTreeMap<String, String>,
    ) -> Result<Self, Refusal> {
        let mut by_name = HashMap::new();
        for (index, column) in columns.iter().enumerate() {
            by_name.insert(plain(column.name), index);
            by_name.extend(column.aliases.iter().map(|alias| (plain(alias), index)));
        }
        let mut mapped = HashMap::new();
        for (ours, theirs) in asked {
            let Some(&index) = by_name.get(&plain(theirs)) else {
                let wanted: Vec<_> = columns.iter().map(|column| column.name).collect();
                return Err(Refusal::new(Code::CsvMissingColumn)
                    .saying("a column is mapped to one that this dialect does not have")
                    .with(json!({"known": wanted})));
            };
            mapped.insert(plain(ours), index);
        }
        Ok(Self { columns, by_name, mapped })
    }

    /// The dialect's column that a name of the file means. Case, blanks and punctuation do not count.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let name = plain(name);
        self.mapped.get(&name).or_else(|| self.by_name.get(&name)).copied()
    }

    /// What the asker maps must be there: a slip in the mapping would silently lose the column.
    fn check_asked(&self, record: &Record) -> Result<(), Refusal> {
        let there: HashSet<String> = record.cells().map(plain).collect();
        let lost = self.mapped.iter().filter(|(name, _)| !there.contains(*name));
        let mut lost: Vec<&str> =
            lost.filter_map(|(_, &index)| Some(self.columns.get(index)?.name)).collect();
        lost.sort_unstable();
        if lost.is_empty() {
            return Ok(());
        }
        Err(Refusal::new(Code::CsvMissingColumn)
            .saying(&format!("the file has no such column as is mapped to {}", lost.join(", ")))
            .with(json!({"columns": lost, "line": record.line})))
    }

    fn nearest(&self, name: &str) -> Option<&'static str> {
        let name = plain(name);
        let likeness = |known: &str| strsim::normalized_damerau_levenshtein(&name, known);
        let best = self
            .by_name
            .iter()
            .map(|(known, &index)| (likeness(known), index))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
        let column = self.columns.get(best.1)?;
        (best.0 >= LIKENESS).then_some(column.name)
    }
}

/// The file's header, matched.
#[derive(Debug)]
pub(super) struct Header {
    /// The names as in the file.
    pub(super) names: Vec<String>,
    /// The physical line it stands on.
    pub(super) line: u64,
    /// For each column of the dialect, the file's that is read for it.
    pub(super) places: Vec<Option<usize>>,
    /// The file's columns without a name.
    pub(super) unnamed: Vec<usize>,
    /// The columns that are not known: ignored, and said.
    pub(super) warnings: Vec<Problem>,
}

impl Header {
    /// Matches the first record; everything that is wrong with it is said at once.
    pub(super) fn read(record: &Record, names: &Names) -> Result<Self, FileError> {
        let mut header = Self {
            names: record.cells().map(str::to_owned).collect(),
            line: record.line,
            places: vec![None; names.columns.len()],
            unnamed: Vec::new(),
            warnings: Vec::new(),
        };
        let mut unknown = Vec::new();
        let mut twice = Vec::new();
        for (place, cell) in record.cells().enumerate() {
            let name = value::trim(cell);
            if name.is_empty() {
                header.unnamed.push(place);
            } else if !name.starts_with('_') {
                match names
                    .find(name)
                    .and_then(|index| Some((index, header.places.get_mut(index)?)))
                {
                    Some((_, free @ None)) => *free = Some(place),
                    Some((index, Some(_))) => twice.push(index),
                    None => unknown.push(name),
                }
            }
        }
        names.check_asked(record)?;
        header.check(names, &unknown, &twice)?;
        header.warnings = unknown.into_iter().map(|name| unknown_column(name, names)).collect();
        Ok(header)
    }

    /// Refuses a file that has none of the columns of which any one will do.
    pub(super) fn check_keys(&self, names: &Names, keys: &[usize]) -> Result<(), Refusal> {
        let is_there = |key: &usize| self.places.get(*key).is_some_and(Option::is_some);
        if keys.is_empty() || keys.iter().any(is_there) {
            return Ok(());
        }
        let columns: Vec<_> =
            keys.iter().filter_map(|key| Some(names.columns.get(*key)?.name)).collect();
        let unknown: Vec<&str> =
            self.warnings.iter().filter_map(|warning| warning.column.as_deref()).collect();
        let meant = did_you_mean(&unknown, names);
        let mut details = json!({"columns": columns, "line": self.line});
        if let Some(details) = details.as_object_mut().filter(|_| !meant.is_empty()) {
            details.insert("did_you_mean".to_owned(), Value::Object(meant));
        }
        let words = format!("one of {}", columns.join(", "));
        Err(Refusal::new(Code::CsvMissingColumn).saying(&words).with(details))
    }

    /// Refuses a file with columns of a feature that the company does not have (N71).
    pub(super) fn check_withheld(
        &self,
        columns: &'static [Column],
        withheld: &[String],
    ) -> Result<(), FileError> {
        let there = columns.iter().zip(&self.places).filter(|(_, place)| place.is_some());
        let there = there.map(|(column, _)| column.name);
        let found: Vec<_> = there.filter(|name| withheld.iter().any(|one| one == name)).collect();
        if found.is_empty() {
            return Ok(());
        }
        Err(Refusal::new(Code::CsvColumnNotEnabled)
            .saying(&found.join(", "))
            .with(json!({"columns": found, "line": self.line}))
            .into())
    }

    /// The dialect's name of the file's column, or its own; by number where it has none.
    pub(super) fn label(&self, place: usize, columns: &'static [Column]) -> String {
        let index = self.places.iter().position(|found| *found == Some(place));
        if let Some(column) = index.and_then(|index| columns.get(index)) {
            return column.name.to_owned();
        }
        let own = self.names.get(place).map(|name| shown(name)).filter(|name| !name.is_empty());
        own.unwrap_or_else(|| format!("column {}", place + 1))
    }

    /// No column is called by an address or a phone number: the first line is somebody already. Without the key
    /// neither is one called by a number, where few names are, or are like, a column's: a value is by chance (N04).
    fn is_data(&self, names: &Names, meant: usize) -> bool {
        if self.names.iter().any(|name| name.contains('@') || Phone::read(name, false).is_ok()) {
            return true;
        }
        let key = names.columns.iter().position(|column| column.required);
        let lacks_key = key.is_some_and(|key| self.places.get(key).is_none_or(Option::is_none));
        let is_number = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
        let written = self.names.len() - self.unnamed.len();
        let alike = self.places.iter().flatten().count() + meant;
        lacks_key
            && 2 * alike < written
            && self.names.iter().any(|name| is_number(value::trim(name)))
    }

    /// Refuses columns that are not known, where none may be passed over.
    pub(super) fn check_known(&self, names: &Names) -> Result<(), Refusal> {
        let unknown: Vec<&str> =
            self.warnings.iter().filter_map(|warning| warning.column.as_deref()).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let meant = did_you_mean(&unknown, names);
        let message = format!("Columns are not known: {}.", unknown.join(", "));
        let mut details = json!({"columns": unknown, "line": self.line});
        if let Some(details) = details.as_object_mut().filter(|_| !meant.is_empty()) {
            details.insert("did_you_mean".to_owned(), Value::Object(meant));
        }
        Err(Refusal { code: Code::CsvUnknownColumn, message, details })
    }

    fn check(&self, names: &Names, unknown: &[&str], twice: &[usize]) -> Result<(), FileError> {
        let list = |wanted: &dyn Fn(usize, &Column) -> bool| -> Vec<&'static str> {
            let columns = names.columns.iter().enumerate();
            columns
                .filter(|(i, column)| wanted(*i, column))
                .map(|(_, column)| column.name)
                .collect()
        };
        let line = self.line;
        let missing =
            list(&|i, column| column.required && self.places.get(i).is_none_or(Option::is_none));
        let meant = did_you_mean(unknown, names);
        let nothing_known = self.places.iter().all(Option::is_none);
        if self.is_data(names, meant.len()) || (nothing_known && meant.is_empty()) {
            let columns = list(&|_, _| true);
            return Err(Refusal::new(Code::CsvMissingHeader)
                .saying(&format!("the columns are {}", columns.join(", ")))
                .with(json!({"columns": columns, "line": line}))
                .into());
        }
        if !twice.is_empty() {
            let columns = list(&|index, _| twice.contains(&index));
            return Err(Refusal::new(Code::CsvDuplicateColumn)
                .saying(&columns.join(", "))
                .with(json!({"columns": columns, "line": line}))
                .into());
        }
        if missing.is_empty() && !nothing_known {
            return Ok(());
        }
        let mut details = Map::new();
        details.insert("columns".to_owned(), json!(missing));
        details.insert("line".to_owned(), json!(line));
        if !meant.is_empty() {
            details.insert("did_you_mean".to_owned(), Value::Object(meant));
        }
        Err(Refusal::new(Code::CsvMissingColumn)
            .saying(&missing.join(", "))
            .with(Value::Object(details))
            .into())
    }
}

/// A name without what people write differently: case, blanks, punctuation, width.
pub(super) fn plain(name: &str) -> String {
    let letters = name.nfkc().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Whether two names are one: case, blanks, punctuation and width do not count.
pub fn same_name(a: &str, b: &str) -> bool {
    plain(a) == plain(b)
}

/// A name of the file, fit to be shown.
fn shown(name: &str) -> String {
    let clean =
        value::trim(name).chars().filter(|&c| !value::is_control(c) && !value::is_invisible(c));
    clean.take(SHOWN_CHARS).collect()
}

fn unknown_column(name: &str, names: &Names) -> Problem {
    let problem = Problem::in_column(&shown(name), Code::CsvUnknownColumn);
    match names.nearest(name) {
        Some(near) => problem.saying(&format!("did you mean {near}?")),
        None => problem,
    }
}

/// Only names that are like a known one are repeated: without a header, the others are people's data.
fn did_you_mean(unknown: &[&str], names: &Names) -> Map<String, Value> {
    let near = unknown.iter().filter_map(|name| Some((shown(name), names.nearest(name)?.into())));
    near.collect()
}
