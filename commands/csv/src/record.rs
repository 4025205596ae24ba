//! Splits the text into records of fields, within the limits.

use std::io::Read;

use csv_core::{ReadRecordResult, ReaderBuilder, Terminator};
use serde_json::json;

use crate::characters::is_blank_text;
use crate::defect::{DefectKind, ReadError, over_limit, refused};
use crate::options::Limits;
use crate::quotes::{Normaliser, OddQuote};
use crate::text::{LineEnd, Text};

/// One record: the text of its fields in one string.
#[derive(Clone, Default)]
pub(crate) struct Record {
    text: String,
    ends: Vec<usize>,
    /// The physical line on which the record begins, from 1.
    pub(crate) line: u64,
    /// Odd quotes, each with the index of its field.
    pub(crate) quotes: Vec<(usize, OddQuote)>,
}

impl Record {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The field as in the file; empty if the record has no such field.
    pub(crate) fn cell(&self, index: usize) -> &str {
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        let end = self.ends.get(index).copied().unwrap_or(0);
        self.text.get(start.unwrap_or(0)..end).unwrap_or_default()
    }

    pub(crate) fn cells(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.cell(index))
    }

    /// Whether more than `most` fields are not blank.
    pub(crate) fn has_more_than(&self, most: usize) -> bool {
        self.cells().filter(|cell| !is_blank_text(cell)).nth(most).is_some()
    }

    /// Whether every field is empty or blank.
    pub(crate) fn is_blank(&self) -> bool {
        self.text.chars().all(char::is_whitespace)
    }
}

/// Reads the records one by one and keeps only the current one in memory.
pub(crate) struct Records<R> {
    text: Text<R>,
    normaliser: Normaliser,
    core: csv_core::Reader,
    limits: Limits,
    line: Vec<u8>,
    /// The lines of the current record, with plain quotes. `csv_core` reads them.
    lines: Vec<u8>,
    record: Record,
    blank_lines: u64,
    /// The most fields of a record. Before the header is known, only the record's size is limited.
    fields_max: usize,
}

impl<R: Read> Records<R> {
    pub(crate) fn new(text: Text<R>, delimiter: u8, limits: &Limits) -> Self {
        let core =
            ReaderBuilder::new().delimiter(delimiter).terminator(Terminator::Any(b'\n')).build();
        Self {
            text,
            normaliser: Normaliser::new(delimiter),
            core,
            limits: limits.clone(),
            line: Vec::new(),
            lines: Vec::new(),
            record: Record::default(),
            blank_lines: 0,
            fields_max: usize::MAX,
        }
    }

    /// Goes to the next record. Returns false at the end. Empty lines are skipped and counted.
    pub(crate) fn advance(&mut self) -> Result<bool, ReadError> {
        self.lines.clear();
        self.normaliser.begin();
        loop {
            self.line.clear();
            let Some(line_end) = self.text.next_line(&mut self.line, self.limits.record_bytes)?
            else {
                return if self.normaliser.is_open() {
                    Err(self.unterminated())
                } else {
                    Ok(false)
                };
            };
            let is_first_line = self.lines.is_empty() && !self.normaliser.is_open();
            if is_first_line {
                if self.line.is_empty() {
                    self.blank_lines += 1;
                    continue;
                }
                self.record.line = self.text.line();
            }
            self.normaliser.line(&self.line, &mut self.lines);
            self.check_size(line_end)?;
            if !self.normaliser.is_open() {
                break;
            }
            self.lines.extend_from_slice(line_end.bytes());
        }
        self.lines.push(b'\n');
        self.split()?;
        Ok(true)
    }

    /// The record that [`Records::advance`] went to.
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    pub(crate) fn blank_lines(&self) -> u64 {
        self.blank_lines
    }

    /// How many typographic quotes were replaced so far.
    pub(crate) fn quotes_replaced(&self) -> u64 {
        self.normaliser.replaced()
    }

    pub(crate) fn text(&self) -> &Text<R> {
        &self.text
    }

    fn check_size(&self, line_end: LineEnd) -> Result<(), ReadError> {
        let limit = self.limits.record_bytes;
        let is_too_large = line_end == LineEnd::TooLong || self.lines.len() > limit;
        let fields = self.normaliser.fields();
        if fields > self.fields_max || (is_too_large && fields > self.limits.columns) {
            return Err(self.too_many_columns());
        }
        if !is_too_large {
            return Ok(());
        }
        let line = self.record.line;
        let words = format!("the record that begins on line {line}; the limit is {limit} bytes");
        Err(refused(DefectKind::RecordTooLarge, &words, json!({"limit": limit, "line": line})))
    }

    /// Refuses a header if more columns have a name than the limit allows.
    ///
    /// Matching names is slow, so this check comes first.
    pub(crate) fn check_names(&self) -> Result<(), ReadError> {
        if self.record.has_more_than(self.limits.columns) {
            return Err(self.too_many_columns());
        }
        Ok(())
    }

    /// Uses the current record as the header. A header that is wider than the limit raises the
    /// limit for later records.
    pub(crate) fn begin_rows(&mut self) {
        self.fields_max = self.limits.columns.max(self.record.len());
    }

    /// Drops the fields after the first `kept`, if all of them are blank. Does nothing if the
    /// record has more than `most` fields.
    pub(crate) fn drop_blank_end(&mut self, kept: usize, most: usize) {
        let record = &mut self.record;
        if record.len() > kept
            && record.len() <= most
            && (kept..record.len()).all(|place| is_blank_text(record.cell(place)))
        {
            record.ends.truncate(kept);
        }
    }

    fn too_many_columns(&self) -> ReadError {
        let (line, limit) = (self.record.line, self.limits.columns);
        let words = format!("line {line}; the limit is {limit}");
        refused(DefectKind::TooManyColumns, &words, json!({"limit": limit, "line": line}))
    }

    fn unterminated(&self) -> ReadError {
        let line = self.record.line + self.normaliser.opened_on();
        refused(DefectKind::UnterminatedQuote, &format!("line {line}"), json!({"line": line}))
    }

    fn split(&mut self) -> Result<(), ReadError> {
        let record = &mut self.record;
        let mut out = std::mem::take(&mut record.text).into_bytes();
        out.resize(self.lines.len(), 0);
        record.ends.resize(self.normaliser.fields() + 1, 0);
        let (result, read, written, fields) =
            self.core.read_record(&self.lines, &mut out, &mut record.ends);
        debug_assert_eq!(
            read,
            self.lines.len(),
            "the quote normaliser and csv-core see the same record"
        );
        if !matches!(result, ReadRecordResult::Record) {
            let limit = self.limits.record_bytes as u64;
            return Err(over_limit(DefectKind::RecordTooLarge, limit, "bytes", None));
        }
        out.truncate(written);
        record.ends.truncate(fields);
        record.text = String::from_utf8(out).unwrap_or_default();
        record.quotes.clear();
        record.quotes.extend_from_slice(self.normaliser.quotes());
        Ok(())
    }
}
