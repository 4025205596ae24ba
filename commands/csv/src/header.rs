//! The header: matches the columns of a file to those of its format.

use crate::characters;
use crate::column::Column;
use crate::column_names::ColumnNames;
use crate::defect::{Defect, DefectKind};
use crate::record::Record;
use serde_json::{Map, Value, json};

/// The most characters of a file's own column name that a message shows.
const SHOWN_CHARS_MAX: usize = 64;

/// A file's header, with its columns matched to those of the format.
#[derive(Debug)]
pub(crate) struct Header {
    /// The names as in the file, without unnamed columns at the end of the header.
    pub(crate) names: Vec<String>,
    /// The number of columns, including unnamed columns at the end.
    pub(crate) fields: usize,
    /// The physical line of the header.
    pub(crate) line: u64,
    /// For each column of the format, the index of the file's column that holds its values.
    pub(crate) places: Vec<Option<usize>>,
    /// The indexes of the file's columns without a name.
    pub(crate) unnamed: Vec<usize>,
    /// Warnings about ignored columns, one for each, but one for all unnamed columns together.
    ///
    /// A column is ignored if it is unknown or unnamed, or if the caller chose another column.
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
            names: header_names(record),
            fields: record.len(),
            line: record.line,
            places: vec![None; names.columns.len()],
            unnamed: Vec::new(),
            warnings: Vec::new(),
        };
        let (mut unknown, mut duplicates, mut not_chosen) = (Vec::new(), Vec::new(), Vec::new());
        for (place, cell) in record.cells().enumerate() {
            let name = characters::trim(cell);
            if name.is_empty() {
                header.unnamed.push(place);
            } else if !name.starts_with('_') {
                // An export of this program adds columns that begin with `_`. Imports ignore them.
                let Some(index) = names.find(name) else {
                    unknown.push(name);
                    continue;
                };
                if names.is_chosen(index) && !names.is_mapped(name) {
                    not_chosen.push((name, index));
                } else if let Some(free @ None) = header.places.get_mut(index) {
                    *free = Some(place);
                } else {
                    duplicates.push(index);
                }
            }
        }
        names.check_mapped(record)?;
        header.check_columns(names, is_value, &unknown, &duplicates)?;
        let suggested = names.suggested(&unknown, &header.taken());
        let unknown = unknown.iter().zip(suggested).map(|(name, near)| unknown_column(name, near));
        let not_chosen = not_chosen.into_iter().map(|(name, index)| {
            let place = header.places.get(index).copied().flatten();
            let chosen = place.and_then(|place| header.names.get(place));
            let column = names.columns.get(index).map_or("", |column| column.name);
            let words = format!("{} is used for {column}", shown(chosen.map_or("", |name| name)));
            Defect::new(DefectKind::ColumnNotChosen).in_column(&shown(name)).saying(&words)
        });
        header.warnings = unknown.chain(not_chosen).chain(unnamed_columns(&header)).collect();
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
        let suggestions = self.did_you_mean(&self.unknown_columns(), names);
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

    /// The name of a file's column in messages: the format's name, else the file's own name.
    ///
    /// A column without a name gets its number.
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
    /// The record is a data row if any text can only be a value. It is also a data row if all of
    /// these are true:
    ///
    /// * The first required column is missing.
    /// * Fewer than half of the names are known or similar to a known name.
    /// * One text is a number.
    ///
    /// `similar` is the number of unknown names that are similar to a known name.
    fn is_data(&self, names: &ColumnNames, is_value: fn(&str) -> bool, similar: usize) -> bool {
        if self.names.iter().any(|name| is_value(name)) {
            return true;
        }
        let key = names.columns.iter().position(|column| column.required);
        let lacks_key = key.is_some_and(|key| self.places.get(key).is_none_or(Option::is_none));
        let is_number = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
        let named = self.fields - self.unnamed.len();
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
        let details = self.details(&unknown, self.did_you_mean(&unknown, names));
        Err(Defect::detailed(DefectKind::UnknownColumns, &unknown.join(", "), details))
    }

    /// The unknown columns, named as in messages.
    fn unknown_columns(&self) -> Vec<&str> {
        let unknown = self.warnings.iter().filter(|one| one.kind == DefectKind::UnknownColumn);
        unknown.filter_map(|warning| warning.column.as_deref()).collect()
    }

    /// Each unknown name that probably means a known column, with the name of this column.
    ///
    /// Other unknown names are left out: they are personal data if the file has no header.
    fn did_you_mean(&self, unknown: &[&str], names: &ColumnNames) -> Map<String, Value> {
        let suggested = names.suggested(unknown, &self.taken());
        let near = |(name, near): (&&str, Option<&str>)| Some((shown(name), near?.into()));
        unknown.iter().zip(suggested).filter_map(near).collect()
    }

    /// The indexes of the format's columns that the file has.
    fn taken(&self) -> Vec<usize> {
        let places = self.places.iter().enumerate().filter(|(_, place)| place.is_some());
        places.map(|(index, _)| index).collect()
    }

    /// The details of a defect of these columns, with any suggestions for misspelt names.
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
        let suggestions = self.did_you_mean(unknown, names);
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
            let own = self
                .names
                .iter()
                .filter(|name| names.find(name).is_some_and(|index| duplicates.contains(&index)));
            let own: Vec<_> = own.map(|name| shown(name)).collect();
            return Err(Defect::new(DefectKind::DuplicateColumn)
                .saying(&format!("{}: {}", columns.join(", "), own.join(", ")))
                .with(self.details(&columns, Map::new())));
        }
        // Some formats require no column. A header without any known column is refused for these
        // too.
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

fn unknown_column(name: &str, near: Option<&str>) -> Defect {
    let problem = Defect::new(DefectKind::UnknownColumn).in_column(&shown(name));
    match near {
        Some(near) => problem.saying(&format!("did you mean {near}?")),
        None => problem,
    }
}

/// One warning for all columns without a name.
fn unnamed_columns(header: &Header) -> Option<Defect> {
    let count = header.unnamed.len();
    let words = format!("columns: {count}");
    (count > 0).then(|| Defect::new(DefectKind::UnnamedColumnsIgnored).saying(&words))
}

/// The names of a header, without the columns at its end that have no name.
fn header_names(record: &Record) -> Vec<String> {
    let mut names: Vec<_> = record.cells().map(str::to_owned).collect();
    let end = names.iter().rposition(|name| !characters::trim(name).is_empty());
    names.truncate(end.map_or(0, |last| last + 1));
    names
}

/// Each unknown name of a header that probably means a column, with the name of this column.
///
/// Empty unless more than half of the names are known or suggested. Without a header, the first
/// record has personal data.
pub(crate) fn did_you_mean_all(record: &Record, names: &ColumnNames) -> Map<String, Value> {
    let cells = record.cells().map(characters::trim).filter(|name| !name.is_empty());
    let (known, other): (Vec<_>, Vec<_>) = cells.partition(|name| names.find(name).is_some());
    let taken: Vec<_> = known.iter().filter_map(|name| names.find(name)).collect();
    let near = |(name, near): (&&str, Option<&str>)| Some((shown(name), near?.into()));
    let meant: Map<_, _> =
        other.iter().zip(names.suggested(&other, &taken)).filter_map(near).collect();
    let are_most = 2 * (known.len() + meant.len()) > known.len() + other.len();
    if are_most { meant } else { Map::new() }
}
