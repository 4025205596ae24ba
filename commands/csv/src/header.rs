//! The header: matches the columns of a file to those of its format.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::characters;
use crate::column::Column;
use crate::defect::{Defect, DefectKind};
use crate::names::{SIMILARITY_MIN, plain};
use crate::record::Record;
use serde_json::{Map, Value, json};

/// The most characters of a file's own column name that a message shows.
const SHOWN_CHARS_MAX: usize = 64;

/// The names by which the columns of a format are found.
#[derive(Debug)]
pub(crate) struct ColumnNames {
    columns: &'static [Column],
    /// The format's names and aliases, made plain, with the index of the column.
    by_name: HashMap<String, usize>,
    /// The names in the caller's mapping, made plain, with the index of the column.
    mapped: HashMap<String, usize>,
}

impl ColumnNames {
    /// The format's names, and the caller's names for its columns. The caller's names take precedence.
    ///
    /// # Errors
    /// `MissingColumn` for a mapping to a column that the format does not have.
    pub(crate) fn new(
        columns: &'static [Column],
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
        Ok(Self { columns, by_name, mapped })
    }

    /// The index of the column of this name. Case, blanks and punctuation are ignored.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let name = plain(name);
        self.mapped.get(&name).or_else(|| self.by_name.get(&name)).copied()
    }

    /// Refuses a mapping that names a column of the file which the file does not have. Without this check, a typing
    /// error in the mapping would silently lose the column.
    fn check_mapped(&self, record: &Record) -> Result<(), Defect> {
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

    /// The format's name of the column whose name or alias is the most similar; none if no name is similar enough.
    fn nearest(&self, name: &str) -> Option<&'static str> {
        let name = plain(name);
        let similarity = |known: &str| strsim::normalized_damerau_levenshtein(&name, known);
        let best = self
            .by_name
            .iter()
            .map(|(known, &index)| (similarity(known), index))
            // Of equally similar names the first column wins, so that the order of the hash map does not matter.
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
        let column = self.columns.get(best.1)?;
        (best.0 >= SIMILARITY_MIN).then_some(column.name)
    }
}

/// A file's header, with its columns matched to those of the format.
#[derive(Debug)]
pub(crate) struct Header {
    /// The names as in the file.
    pub(crate) names: Vec<String>,
    /// The physical line of the header.
    pub(crate) line: u64,
    /// For each column of the format, the index of the file's column that holds its values.
    pub(crate) places: Vec<Option<usize>>,
    /// The indexes of the file's columns without a name.
    pub(crate) unnamed: Vec<usize>,
    /// One warning for each unknown column. Unknown columns are ignored.
    pub(crate) warnings: Vec<Defect>,
}

impl Header {
    /// Matches the columns that the first record names.
    ///
    /// # Errors
    /// The first defect of the header. It names all columns that have this defect.
    pub(crate) fn read(
        record: &Record,
        names: &ColumnNames,
        is_value: fn(&str) -> bool,
    ) -> Result<Self, Defect> {
        let mut header = Self {
            names: record.cells().map(str::to_owned).collect(),
            line: record.line,
            places: vec![None; names.columns.len()],
            unnamed: Vec::new(),
            warnings: Vec::new(),
        };
        let mut unknown = Vec::new();
        let mut duplicates = Vec::new();
        for (place, cell) in record.cells().enumerate() {
            let name = characters::trim(cell);
            if name.is_empty() {
                header.unnamed.push(place);
            } else if !name.starts_with('_') {
                // Columns that begin with `_` were added by an export of this program, so they are ignored.
                match names
                    .find(name)
                    .and_then(|index| Some((index, header.places.get_mut(index)?)))
                {
                    Some((_, free @ None)) => *free = Some(place),
                    Some((index, Some(_))) => duplicates.push(index),
                    None => unknown.push(name),
                }
            }
        }
        names.check_mapped(record)?;
        header.check_columns(names, is_value, &unknown, &duplicates)?;
        header.warnings = unknown.into_iter().map(|name| unknown_column(name, names)).collect();
        Ok(header)
    }

    /// Refuses a file that has none of the key columns.
    pub(crate) fn check_keys(&self, names: &ColumnNames, keys: &[usize]) -> Result<(), Defect> {
        let is_present = |key: &usize| self.places.get(*key).is_some_and(Option::is_some);
        if keys.is_empty() || keys.iter().any(is_present) {
            return Ok(());
        }
        let columns: Vec<_> =
            keys.iter().filter_map(|key| Some(names.columns.get(*key)?.name)).collect();
        let suggestions = did_you_mean(&self.unknown_columns(), names);
        let details = self.details(&columns, suggestions);
        let words = format!("one of {}", columns.join(", "));
        Err(Defect::new(DefectKind::MissingColumn).saying(&words).with(details))
    }

    /// The format's columns that the file has.
    pub(crate) fn known(&self, columns: &'static [Column]) -> Vec<&'static str> {
        let present = columns.iter().zip(&self.places).filter(|(_, place)| place.is_some());
        present.map(|(column, _)| column.name).collect()
    }

    /// Whether a record has the header's names again, as in files that were pasted together.
    pub(crate) fn is_repeated_by(&self, record: &Record) -> bool {
        record.len() == self.names.len()
            && self.names.iter().zip(record.cells()).all(|(name, cell)| {
                characters::trim(name).eq_ignore_ascii_case(characters::trim(cell))
            })
    }

    /// Refuses a file with a column that the caller does not allow.
    pub(crate) fn check_withheld(
        &self,
        columns: &'static [Column],
        withheld: &[String],
    ) -> Result<(), Defect> {
        let names = self.known(columns).into_iter();
        let found: Vec<_> = names.filter(|name| withheld.iter().any(|one| one == name)).collect();
        if found.is_empty() {
            return Ok(());
        }
        Err(Defect::new(DefectKind::ColumnNotEnabled)
            .saying(&found.join(", "))
            .with(json!({"columns": found, "line": self.line})))
    }

    /// The name of a file's column in messages: the format's name, or else the file's own name, or else its number.
    pub(crate) fn label(&self, place: usize, columns: &'static [Column]) -> String {
        let index = self.places.iter().position(|found| *found == Some(place));
        if let Some(column) = index.and_then(|index| columns.get(index)) {
            return column.name.to_owned();
        }
        let own = self.names.get(place).map(|name| shown(name)).filter(|name| !name.is_empty());
        own.unwrap_or_else(|| format!("column {}", place + 1))
    }

    /// Whether the first record is a data row, so that the file has no header.
    ///
    /// It is one if any text can only be a value. It is also one if three things are true together: the first required
    /// column is missing, fewer than half of the names are known or similar to a known name, and one text is a number.
    /// `similar` is how many unknown names are similar to a known name.
    fn is_data(&self, names: &ColumnNames, is_value: fn(&str) -> bool, similar: usize) -> bool {
        if self.names.iter().any(|name| is_value(name)) {
            return true;
        }
        let key = names.columns.iter().position(|column| column.required);
        let lacks_key = key.is_some_and(|key| self.places.get(key).is_none_or(Option::is_none));
        let is_number = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
        let named = self.names.len() - self.unnamed.len();
        let known = self.places.iter().flatten().count() + similar;
        lacks_key
            && 2 * known < named
            && self.names.iter().any(|name| is_number(characters::trim(name)))
    }

    /// Refuses unknown columns.
    pub(crate) fn check_known(&self, names: &ColumnNames) -> Result<(), Defect> {
        let unknown = self.unknown_columns();
        if unknown.is_empty() {
            return Ok(());
        }
        let details = self.details(&unknown, did_you_mean(&unknown, names));
        Err(Defect::detailed(DefectKind::UnknownColumns, &unknown.join(", "), details))
    }

    /// The unknown columns, named as in messages.
    fn unknown_columns(&self) -> Vec<&str> {
        self.warnings.iter().filter_map(|warning| warning.column.as_deref()).collect()
    }

    /// The details of a defect of these columns, with suggestions for misspelt names if there are any.
    fn details(&self, columns: &[&str], suggestions: Map<String, Value>) -> Value {
        let mut details = Map::new();
        details.insert("columns".to_owned(), json!(columns));
        details.insert("line".to_owned(), json!(self.line));
        if !suggestions.is_empty() {
            details.insert("did_you_mean".to_owned(), Value::Object(suggestions));
        }
        Value::Object(details)
    }

    /// Refuses a file that has no header, has a column twice, or lacks a required column.
    fn check_columns(
        &self,
        names: &ColumnNames,
        is_value: fn(&str) -> bool,
        unknown: &[&str],
        duplicates: &[usize],
    ) -> Result<(), Defect> {
        let names_of = |is_listed: &dyn Fn(usize, &Column) -> bool| -> Vec<&'static str> {
            let columns = names.columns.iter().enumerate();
            columns
                .filter(|(index, column)| is_listed(*index, column))
                .map(|(_, column)| column.name)
                .collect()
        };
        let is_absent = |index: usize| self.places.get(index).is_none_or(Option::is_none);
        let missing = names_of(&|index, column| column.required && is_absent(index));
        let suggestions = did_you_mean(unknown, names);
        let nothing_known = self.places.iter().all(Option::is_none);
        let is_data = self.is_data(names, is_value, suggestions.len());
        if is_data || (nothing_known && suggestions.is_empty()) {
            let columns = names_of(&|_, _| true);
            return Err(Defect::new(DefectKind::MissingHeader)
                .saying(&format!("the columns are {}", columns.join(", ")))
                .with(self.details(&columns, Map::new())));
        }
        if !duplicates.is_empty() {
            let columns = names_of(&|index, _| duplicates.contains(&index));
            return Err(Defect::new(DefectKind::DuplicateColumn)
                .saying(&columns.join(", "))
                .with(self.details(&columns, Map::new())));
        }
        // Some formats require no column. Even then a header without any known column is refused.
        if missing.is_empty() && !nothing_known {
            return Ok(());
        }
        let details = self.details(&missing, suggestions);
        Err(Defect::new(DefectKind::MissingColumn).saying(&missing.join(", ")).with(details))
    }
}

/// A column name of the file for a message: shortened, without invisible characters.
fn shown(name: &str) -> String {
    let clean = characters::trim(name)
        .chars()
        .filter(|&c| !characters::is_control(c) && !characters::is_invisible(c));
    clean.take(SHOWN_CHARS_MAX).collect()
}

fn unknown_column(name: &str, names: &ColumnNames) -> Defect {
    let problem = Defect::new(DefectKind::UnknownColumn).in_column(&shown(name));
    match names.nearest(name) {
        Some(near) => problem.saying(&format!("did you mean {near}?")),
        None => problem,
    }
}

/// Each unknown name that is similar to a known name, with that known name.
///
/// Other unknown names are left out, because in a file without a header they are personal data.
fn did_you_mean(unknown: &[&str], names: &ColumnNames) -> Map<String, Value> {
    unknown.iter().filter_map(|name| Some((shown(name), names.nearest(name)?.into()))).collect()
}
