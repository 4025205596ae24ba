//! Reads the data rows of a file. Skips and counts blank rows and notes.

use std::fmt;
use std::io::Read;

use serde_json::json;

use crate::characters::{is_blank_text, trim};
use crate::column_names::ColumnNames;
use crate::defect::{Defect, DefectKind, ReadError};
use crate::delimiter;
use crate::format::FileFormat;
use crate::header::{Header, did_you_mean_all};
use crate::lines::Lines;
use crate::options::{Limits, Options};
use crate::preamble;
use crate::record::{Record, Records};
use crate::row::Row;
use crate::shape::{self, RowDefects};
use crate::text::Text;

/// What a scan of the whole file found.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// Data rows. Blank and note rows are not counted.
    pub rows: u64,
    /// Rows that describe no user: notes, repeated headers, lines about the file itself.
    pub note_rows: u64,
    pub blank_rows: u64,
    /// The format's columns that the file has.
    pub columns: Vec<&'static str>,
    /// The encoding's name, such as `UTF-8`.
    pub encoding: String,
    pub delimiter: char,
    /// Warnings about the file as a whole.
    pub warnings: Vec<Defect>,
}

/// Reads the whole file and finds every defect for which the file as a whole is refused.
///
/// # Errors
/// The first such defect, or the error of reading.
pub fn scan<R: Read>(
    input: R,
    format: &'static FileFormat,
    options: &Options,
    limits: &Limits,
) -> Result<Scan, ReadError> {
    let mut reader = Reader::open(input, format, options, limits)?;
    while reader.advance()? {}
    let limit = format.row_limit.unwrap_or(limits.rows).min(limits.rows);
    match reader.row_number() {
        0 => Err(DefectKind::HeaderOnly.into()),
        rows if rows > limit => {
            Err(Defect::over_limit(DefectKind::TooManyRows, limit, "rows", Some(rows)).into())
        }
        rows => Ok(Scan {
            rows,
            note_rows: reader.note_rows.count() + reader.repeated_headers.count(),
            blank_rows: reader.blank_rows(),
            columns: reader.header.known(format.columns),
            encoding: reader.encoding().to_owned(),
            delimiter: char::from(reader.delimiter),
            warnings: reader.warnings(),
        }),
    }
}

/// Columns that only exports of this program have: of failed rows (`_row`), of users (`_state`).
const OWN_COLUMNS: [&str; 2] = ["_row", "_state"];

/// An open file whose header is matched. [`Reader::advance`] goes from row to row.
pub struct Reader<R> {
    records: Records<R>,
    header: Header,
    format: &'static FileFormat,
    limits: Limits,
    delimiter: u8,
    rows: u64,
    blank_rows: u64,
    note_rows: Lines,
    repeated_headers: Lines,
}

impl<R: Read> Reader<R> {
    /// Opens a file and matches the header.
    ///
    /// # Errors
    /// A defect of the file's beginning, or the error of reading.
    pub fn open(
        input: R,
        format: &'static FileFormat,
        options: &Options,
        limits: &Limits,
    ) -> Result<Self, ReadError> {
        let names = ColumnNames::new(format.columns, format.words, &options.columns)?;
        let mut text = Text::open(input, options, limits)?;
        let head = text.head()?;
        let named = preamble::delimiter(&head);
        let delimiter = delimiter::chosen(options.delimiter, named)?;
        let mut records = Records::new(text, delimiter, limits);
        let (mut blank_rows, mut note_rows) = (0, Lines::default());
        if named.is_some() && records.advance()? {
            note_rows.add(records.record().line);
        }
        let header = loop {
            if !records.advance()? {
                return Err(DefectKind::EmptyFile.into());
            }
            let record = records.record();
            if record.is_blank() {
                blank_rows += 1;
                continue;
            }
            records.check_names()?;
            match Header::read(record, &names, format.is_value) {
                Ok(header) => break header,
                // A note may come before the header. A header may begin like a note.
                Err(_) if looks_like_note(format, record) || preamble::is_version(record) => {
                    note_rows.add(record.line);
                }
                Err(defect) => {
                    let used = Used { delimiter, named: named.is_some() };
                    // If the caller chose the delimiter, the message suggests no other one.
                    let may_suggest = options.delimiter.is_none();
                    let other = may_suggest.then(|| wrong_delimiter(&head, &names, used, limits));
                    return Err(other.flatten().unwrap_or(defect).into());
                }
            }
        };
        records.begin_rows();
        header.check_keys(&names, format.key_columns)?;
        if options.known_columns_only {
            header.check_known(&names)?;
        }
        header.check_withheld(format.columns, &options.withheld)?;
        let limits = limits.clone();
        let repeated_headers = Lines::default();
        Ok(Self {
            records,
            header,
            format,
            limits,
            delimiter,
            rows: 0,
            blank_rows,
            note_rows,
            repeated_headers,
        })
    }

    /// Goes to the next data row. Returns false at the end of the file.
    ///
    /// # Errors
    /// A defect for which the file as a whole is refused, or the error of reading.
    pub fn advance(&mut self) -> Result<bool, ReadError> {
        while self.records.advance()? {
            self.records.drop_blank_end(self.header.names.len(), self.header.fields);
            let record = self.records.record();
            if record.is_blank() {
                self.blank_rows += 1;
            } else if self.is_note(record) {
                self.note_rows.add(record.line);
            } else if self.header.is_repeated_by(record) {
                self.repeated_headers.add(record.line);
            } else {
                self.rows += 1;
                self.check_unnamed()?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The row that [`Reader::advance`] went to.
    pub fn row(&self) -> Row<'_> {
        self.row_of(self.records.record())
    }

    /// The number of the current row, from 1. 0 before the first row.
    pub fn row_number(&self) -> u64 {
        self.rows
    }

    /// What is wrong with the shape of the current row.
    pub fn row_defects(&self) -> RowDefects {
        shape::defects(self.records.record(), &self.header, self.format, &self.limits)
    }

    /// The column names as in the file.
    pub fn header(&self) -> &[String] {
        &self.header.names
    }

    /// The name that the file has for a column of the format. None if the file lacks the column.
    pub fn own_name(&self, column: &str) -> Option<&str> {
        let place = self.header.places.get(self.format.column(column)?).copied().flatten()?;
        Some(trim(self.header.names.get(place)?))
    }

    fn encoding(&self) -> &'static str {
        self.records.text().encoding()
    }

    fn row_of<'a>(&'a self, record: &'a Record) -> Row<'a> {
        Row::new(record, &self.header, self.format.columns)
    }

    /// Empty lines and rows of blank cells.
    fn blank_rows(&self) -> u64 {
        self.blank_rows + self.records.blank_lines()
    }

    fn is_note(&self, record: &Record) -> bool {
        let Some(notes) = &self.format.notes else { return false };
        looks_like_note(self.format, record) && !(notes.is_data)(&self.row_of(record))
    }

    /// The warnings about the file, as far as it was read.
    fn warnings(&self) -> Vec<Defect> {
        let mut warnings = Vec::new();
        // This program writes a byte order mark into its own exports, so these get no warning.
        let is_own = self.header.names.iter().any(|name| OWN_COLUMNS.contains(&name.as_str()));
        if self.records.text().bom() && !is_own {
            warnings.push(Defect::new(DefectKind::BomRemoved));
        }
        let counted = [
            (self.records.quotes_replaced(), "quotes", DefectKind::QuotesNormalised),
            (self.blank_rows(), "rows", DefectKind::BlankRowIgnored),
        ];
        for (count, unit, kind) in counted.into_iter().filter(|(count, ..)| *count > 0) {
            warnings.push(Defect::new(kind).saying(&format!("{unit}: {count}")));
        }
        for (lines, kind) in [
            (&self.note_rows, DefectKind::NoteRowIgnored),
            (&self.repeated_headers, DefectKind::RepeatedHeaderIgnored),
        ] {
            warnings.extend(lines.words().map(|words| Defect::new(kind).saying(&words)));
        }
        warnings.extend(self.header.warnings.iter().cloned());
        warnings
    }

    /// Refuses a value in an unnamed column. An empty unnamed column is allowed: trailing commas
    /// make it.
    fn check_unnamed(&self) -> Result<(), Defect> {
        let record = self.records.record();
        // The header may have many more unnamed columns than the row has cells: stop at the last
        // cell.
        let mut unnamed = self.header.unnamed.iter().take_while(|place| **place < record.len());
        let used = unnamed.find(|&&place| !is_blank_text(record.cell(place)));
        let Some(place) = used.filter(|_| {
            // In a row of another length, the value may belong to another column. The row is then
            // invalid for its length. A dropped blank end makes the row as long as the named
            // columns.
            record.len() == self.header.fields || record.len() == self.header.names.len()
        }) else {
            return Ok(());
        };
        let (column, line) = (place + 1, record.line);
        let words = format!("column {column} has no name, but line {line} has a value in it");
        let details = json!({"column": column, "line": line});
        Err(Defect::detailed(DefectKind::MissingHeader, &words, details))
    }
}

impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("rows", &self.rows).finish_non_exhaustive()
    }
}

fn looks_like_note(format: &FileFormat, record: &Record) -> bool {
    format.notes.is_some_and(|notes| (notes.looks_like_note)(&mut record.cells()))
}

/// The delimiter with which the header was read, and whether the first line of the file names it.
#[derive(Clone, Copy)]
struct Used {
    delimiter: u8,
    named: bool,
}

/// The defect `WrongDelimiter`, if another delimiter fits the file better and explains the unknown
/// header.
fn wrong_delimiter(
    head: &[u8],
    names: &ColumnNames,
    used: Used,
    limits: &Limits,
) -> Option<Defect> {
    // The line that names a delimiter is no record.
    let head = if used.named { preamble::after_first_line(head) } else { head };
    let Some((byte, found)) = delimiter::other(head, used.delimiter, names, limits) else {
        let mark = delimiter::wide(head, names, limits)?;
        let words = format!("found {mark}; write commas in its place");
        let details = json!({"found": mark});
        return Some(Defect::detailed(DefectKind::WrongDelimiter, &words, details));
    };
    let mut details = json!({"found": found});
    // The header may also have misspelt names. The message names both defects at once.
    let header = delimiter::first_record(head, byte, limits);
    let suggested = header.map(|record| did_you_mean_all(&record, names)).unwrap_or_default();
    if let (false, Some(details)) = (suggested.is_empty(), details.as_object_mut()) {
        details.insert("did_you_mean".to_owned(), suggested.into());
    }
    let words = if used.named {
        let named = delimiter::name(used.delimiter);
        format!(
            "the first line of the file names {named}, but the columns are separated by {found}"
        )
    } else {
        format!("found {found}")
    };
    Some(Defect::detailed(DefectKind::WrongDelimiter, &words, details))
}
