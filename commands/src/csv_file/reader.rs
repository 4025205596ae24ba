//! The data rows of a file one after the other: header matched, blank and note rows passed over and counted.

use std::io::Read;

use serde_json::json;

use super::cells::Cells;
use super::delimiter;
use super::failure::{FileError, refused};
use super::header::{Header, Names};
use super::options::{Limits, Options};
use super::record::{Record, Records};
use super::text::Text;
use super::value;
use crate::code::{Code, Problem, Refusal};
use crate::dialect::Dialect;

/// A file behind its header.
pub(super) struct Reader<'d, R> {
    records: Records<R>,
    header: Header,
    dialect: &'d dyn Dialect,
    delimiter: u8,
    rows: u64,
    blank_rows: u64,
    note_rows: u64,
}

impl<'d, R: Read> Reader<'d, R> {
    /// Opens the file and matches its header.
    pub(super) fn open(
        input: R,
        dialect: &'d dyn Dialect,
        options: &Options,
        limits: &Limits,
    ) -> Result<Self, FileError> {
        let names = Names::new(dialect.columns(), &options.columns)?;
        let delimiter = delimiter::asked(options.delimiter)?;
        let mut text = Text::open(input, options, limits)?;
        let head = text.head()?;
        let mut records = Records::new(text, delimiter, limits);
        let (mut blank_rows, mut note_rows) = (0, 0);
        let header = loop {
            if !records.advance()? {
                return Err(Refusal::new(Code::ImportEmptyFile).into());
            }
            let record = records.record();
            if record.is_blank() {
                blank_rows += 1;
            } else if dialect.is_note(&mut record.cells()) && Header::read(record, &names).is_err()
            {
                note_rows += 1;
            } else {
                break Header::read(record, &names).map_err(|refusal| {
                    wrong_delimiter(&head, &names, options, limits).unwrap_or(refusal)
                })?;
            }
        };
        header.check_keys(&names, dialect.key_columns())?;
        if options.known_columns_only {
            header.check_known(&names)?;
        }
        header.check_withheld(dialect.columns(), &options.withheld)?;
        Ok(Self { records, header, dialect, delimiter, rows: 0, blank_rows, note_rows })
    }

    /// Goes to the next data row; false at the end.
    pub(super) fn advance(&mut self) -> Result<bool, FileError> {
        while self.records.advance()? {
            let record = self.records.record();
            if record.is_blank() {
                self.blank_rows += 1;
            } else if self.is_note(record) {
                self.note_rows += 1;
            } else {
                self.rows += 1;
                self.check_unnamed()?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_note(&self, record: &Record) -> bool {
        // A device may have lost its plus sign: it is somebody's all the same, and the row says what is wrong.
        let cells = || Cells::new(record, &self.header, self.dialect.columns(), true);
        self.dialect.is_note(&mut record.cells()) && !self.dialect.is_somebody(&mut cells())
    }

    /// The row that [`Reader::advance`] went to.
    pub(super) fn record(&self) -> &Record {
        self.records.record()
    }

    /// Its number, from 1; 0 before the first.
    pub(super) fn row(&self) -> u64 {
        self.rows
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    pub(super) fn dialect(&self) -> &'d dyn Dialect {
        self.dialect
    }

    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    pub(super) fn encoding(&self) -> &'static str {
        self.records.text().encoding()
    }

    /// What is worth saying about the file as far as it was read.
    pub(super) fn warnings(&self) -> Vec<Problem> {
        let mut warnings = Vec::new();
        if self.records.text().bom() {
            warnings.push(Problem::new(Code::CsvBomRemoved));
        }
        let counted = [
            (self.records.quotes_replaced(), "quotes", Code::CsvQuotesNormalised),
            (self.blank_rows + self.records.blank_lines(), "rows", Code::CsvBlankRowIgnored),
            (self.note_rows, "rows", Code::CsvNoteRowIgnored),
        ];
        for (count, unit, code) in counted.into_iter().filter(|(count, ..)| *count > 0) {
            warnings.push(Problem::new(code).saying(&format!("{unit}: {count}")));
        }
        warnings.extend(self.header.warnings.iter().cloned());
        warnings
    }

    /// A column without a name may stand there, as trailing commas make some, but not with data in it (N37).
    fn check_unnamed(&self) -> Result<(), FileError> {
        let record = self.record();
        let used = self.header.unnamed.iter().find(|&&place| !value::is_empty(record.cell(place)));
        let Some(place) = used.filter(|_| record.len() == self.header.names.len()) else {
            return Ok(());
        };
        let (column, line) = (place + 1, record.line);
        let words = format!("column {column} has no name, but line {line} has a value in it");
        let details = json!({"column": column, "line": line});
        Err(refused(Code::CsvMissingHeader, &words, details))
    }
}

/// The refusal that explains a header nobody can match: another delimiter, unless the asker named one.
fn wrong_delimiter(
    head: &[u8],
    names: &Names,
    options: &Options,
    limits: &Limits,
) -> Option<FileError> {
    if options.delimiter.is_some() {
        return None;
    }
    let found = delimiter::other(head, names, limits)?;
    Some(refused(Code::CsvWrongDelimiter, &format!("found {found}"), json!({"found": found})))
}
