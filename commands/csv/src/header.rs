//! The header: matches the file's columns to the format's, and finds every defect of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::characters;
use crate::column::Column;
use crate::defect::{Defect, DefectKind};
use crate::names::{SIMILARITY_MIN, plain};
use crate::record::Record;
use serde_json::{Map, Value, json};

/// The most characters of a file's own column name that a message shows.
const SHOWN_CHARS: usize = 64;

/// A format's columns by each of their names.
#[derive(Debug)]
pub(crate) struct ColumnNames {
    columns: &'static [Column],
    by_name: HashMap<String, usize>,
    mapped: HashMap<String, usize>,
}

impl ColumnNames {
    /// The format's names, and the caller's own names for its columns. The caller's names win.
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
        for (ours, theirs) in mapping {
            let Some(&index) = by_name.get(&plain(theirs)) else {
                let wanted: Vec<_> = columns.iter().map(|column| column.name).collect();
                return Err(Defect::new(DefectKind::MissingColumn)
                    .saying("a column is mapped to one that this dialect does not have")
                    .with(json!({"known": wanted})));
            };
            mapped.insert(plain(ours), index);
        }
        Ok(Self { columns, by_name, mapped })
    }

    /// The format's column of this name. Case, blanks and punctuation do not count.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let name = plain(name);
        self.mapped.get(&name).or_else(|| self.by_name.get(&name)).copied()
    }

    /// Refuses a mapping of a column that the file does not have. A typing error would silently lose the column.
    fn check_mapped(&self, record: &Record) -> Result<(), Defect> {
        let there: HashSet<String> = record.cells().map(plain).collect();
        let lost = self.mapped.iter().filter(|(name, _)| !there.contains(*name));
        let mut lost: Vec<&str> =
            lost.filter_map(|(_, &index)| Some(self.columns.get(index)?.name)).collect();
        lost.sort_unstable();
        if lost.is_empty() {
            return Ok(());
        }
        Err(Defect::new(DefectKind::MissingColumn)
            .saying(&format!("the file has no such column as is mapped to {}", lost.join(", ")))
            .with(json!({"columns": lost, "line": record.line})))
    }

    fn nearest(&self, name: &str) -> Option<&'static str> {
        let name = plain(name);
        let similarity = |known: &str| strsim::normalized_damerau_levenshtein(&name, known);
        let best = self
            .by_name
            .iter()
            .map(|(known, &index)| (similarity(known), index))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
        let column = self.columns.get(best.1)?;
        (best.0 >= SIMILARITY_MIN).then_some(column.name)
    }
}

/// The file's header, matched.
#[derive(Debug)]
pub(crate) struct Header {
    /// The names as in the file.
    pub(crate) names: Vec<String>,
    /// The physical line of the header.
    pub(crate) line: u64,
    /// For each column of the format, the file's column that is read for it.
    pub(crate) places: Vec<Option<usize>>,
    /// The file's columns without a name.
    pub(crate) unnamed: Vec<usize>,
    /// One warning for each unknown column. Unknown columns are ignored.
    pub(crate) warnings: Vec<Defect>,
}

impl Header {
    /// Matches the first record.
    ///
    /// # Errors
    /// One defect that names every column concerned.
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
        let mut twice = Vec::new();
        for (place, cell) in record.cells().enumerate() {
            let name = characters::trim(cell);
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
        names.check_mapped(record)?;
        header.check(names, is_value, &unknown, &twice)?;
        header.warnings = unknown.into_iter().map(|name| unknown_column(name, names)).collect();
        Ok(header)
    }

    /// Refuses a file that has none of the key columns.
    pub(crate) fn check_keys(&self, names: &ColumnNames, keys: &[usize]) -> Result<(), Defect> {
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
        Err(Defect::new(DefectKind::MissingColumn).saying(&words).with(details))
    }

    /// Refuses a file with a column that the caller withholds.
    pub(crate) fn check_withheld(
        &self,
        columns: &'static [Column],
        withheld: &[String],
    ) -> Result<(), Defect> {
        let there = columns.iter().zip(&self.places).filter(|(_, place)| place.is_some());
        let there = there.map(|(column, _)| column.name);
        let found: Vec<_> = there.filter(|name| withheld.iter().any(|one| one == name)).collect();
        if found.is_empty() {
            return Ok(());
        }
        Err(Defect::new(DefectKind::ColumnNotEnabled)
            .saying(&found.join(", "))
            .with(json!({"columns": found, "line": self.line})))
    }

    /// The format's name of a file's column; otherwise the file's own name; otherwise the column's number.
    pub(crate) fn label(&self, place: usize, columns: &'static [Column]) -> String {
        let index = self.places.iter().position(|found| *found == Some(place));
        if let Some(column) = index.and_then(|index| columns.get(index)) {
            return column.name.to_owned();
        }
        let own = self.names.get(place).map(|name| shown(name)).filter(|name| !name.is_empty());
        own.unwrap_or_else(|| format!("column {}", place + 1))
    }

    /// Whether the first line is a data row: the file has no header.
    ///
    /// A text that can only be a value decides. Otherwise a number decides, if the first required column is missing
    /// and fewer than half of the names are known or similar to a known one.
    fn is_data(&self, names: &ColumnNames, is_value: fn(&str) -> bool, similar: usize) -> bool {
        if self.names.iter().any(|name| is_value(name)) {
            return true;
        }
        let key = names.columns.iter().position(|column| column.required);
        let lacks_key = key.is_some_and(|key| self.places.get(key).is_none_or(Option::is_none));
        let is_number = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
        let written = self.names.len() - self.unnamed.len();
        let known = self.places.iter().flatten().count() + similar;
        lacks_key
            && 2 * known < written
            && self.names.iter().any(|name| is_number(characters::trim(name)))
    }

    /// Refuses unknown columns.
    pub(crate) fn check_known(&self, names: &ColumnNames) -> Result<(), Defect> {
        let unknown: Vec<&str> =
            self.warnings.iter().filter_map(|warning| warning.column.as_deref()).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let meant = did_you_mean(&unknown, names);
        let mut details = json!({"columns": unknown, "line": self.line});
        if let Some(details) = details.as_object_mut().filter(|_| !meant.is_empty()) {
            details.insert("did_you_mean".to_owned(), Value::Object(meant));
        }
        Err(Defect::detailed(DefectKind::UnknownColumns, &unknown.join(", "), details))
    }

    fn check(
        &self,
        names: &ColumnNames,
        is_value: fn(&str) -> bool,
        unknown: &[&str],
        twice: &[usize],
    ) -> Result<(), Defect> {
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
        if self.is_data(names, is_value, meant.len()) || (nothing_known && meant.is_empty()) {
            let columns = list(&|_, _| true);
            return Err(Defect::new(DefectKind::MissingHeader)
                .saying(&format!("the columns are {}", columns.join(", ")))
                .with(json!({"columns": columns, "line": line})));
        }
        if !twice.is_empty() {
            let columns = list(&|index, _| twice.contains(&index));
            return Err(Defect::new(DefectKind::DuplicateColumn)
                .saying(&columns.join(", "))
                .with(json!({"columns": columns, "line": line})));
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
        Err(Defect::new(DefectKind::MissingColumn)
            .saying(&missing.join(", "))
            .with(Value::Object(details)))
    }
}

/// A column name of the file, short and without invisible characters.
fn shown(name: &str) -> String {
    let clean = characters::trim(name)
        .chars()
        .filter(|&c| !characters::is_control(c) && !characters::is_invisible(c));
    clean.take(SHOWN_CHARS).collect()
}

fn unknown_column(name: &str, names: &ColumnNames) -> Defect {
    let problem = Defect::new(DefectKind::UnknownColumn).in_column(&shown(name));
    match names.nearest(name) {
        Some(near) => problem.saying(&format!("did you mean {near}?")),
        None => problem,
    }
}

/// The unknown names that are similar to a known one, each with that one.
///
/// Other names are not repeated: in a file without a header they are personal data.
fn did_you_mean(unknown: &[&str], names: &ColumnNames) -> Map<String, Value> {
    let near = unknown.iter().filter_map(|name| Some((shown(name), names.nearest(name)?.into())));
    near.collect()
}
