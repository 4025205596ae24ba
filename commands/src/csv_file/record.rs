//! The lines as records of fields, each with the line it begins on, none larger than the limits.

use std::io::Read;

use csv_core::{ReadRecordResult, ReaderBuilder, Terminator};
use serde_json::json;

use super::failure::{FileError, over_limit, refused};
use super::normalise::{Normaliser, Quote};
use super::options::Limits;
use super::text::{Ending, Text};
use crate::code::Code;

/// One record: its fields in one piece of memory.
#[derive(Clone, Default)]
pub(super) struct Record {
    text: String,
    ends: Vec<usize>,
    /// The physical line it begins on, from 1.
    pub(super) line: u64,
    /// Its odd quotes, each with its field from 0.
    pub(super) quotes: Vec<(usize, Quote)>,
}

impl Record {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The field as in the file; empty where there is none.
    pub(super) fn cell(&self, index: usize) -> &str {
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        let end = self.ends.get(index).copied().unwrap_or(0);
        self.text.get(start.unwrap_or(0)..end).unwrap_or_default()
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.cell(index))
    }

    /// Whether every field is empty or blank.
    pub(super) fn is_blank(&self) -> bool {
        self.text.chars().all(char::is_whitespace)
    }
}

/// Reads record by record; one at a time is held.
pub(super) struct Records<R> {
    text: Text<R>,
    normaliser: Normaliser,
    core: csv_core::Reader,
    limits: Limits,
    line: Vec<u8>,
    framed: Vec<u8>,
    record: Record,
    blank_lines: u64,
}

impl<R: Read> Records<R> {
    pub(super) fn new(text: Text<R>, delimiter: u8, limits: &Limits) -> Self {
        let core =
            ReaderBuilder::new().delimiter(delimiter).terminator(Terminator::Any(b'\n')).build();
        Self {
            text,
            normaliser: Normaliser::new(delimiter),
            core,
            limits: limits.clone(),
            line: Vec::new(),
            framed: Vec::new(),
            record: Record::default(),
            blank_lines: 0,
        }
    }

    /// Goes to the next record; false at the end. Empty lines are passed over and counted.
    pub(super) fn advance(&mut self) -> Result<bool, FileError> {
        self.framed.clear();
        self.normaliser.begin();
        loop {
            self.line.clear();
            let Some(ending) = self.text.next_line(&mut self.line, self.limits.record_bytes)?
            else {
                return if self.normaliser.is_open() {
                    Err(self.unterminated())
                } else {
                    Ok(false)
                };
            };
            let first = self.framed.is_empty() && !self.normaliser.is_open();
            if first {
                if self.line.is_empty() {
                    self.blank_lines += 1;
                    continue;
                }
                self.record.line = self.text.line();
            }
            self.normaliser.line(&self.line, &mut self.framed);
            self.check_size(ending)?;
            if !self.normaliser.is_open() {
                break;
            }
            self.framed.extend_from_slice(ending.bytes());
        }
        self.framed.push(b'\n');
        self.split()?;
        Ok(true)
    }

    /// The record that [`Records::advance`] went to.
    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    pub(super) fn blank_lines(&self) -> u64 {
        self.blank_lines
    }

    /// How many typographic quotes were made plain so far.
    pub(super) fn quotes_replaced(&self) -> u64 {
        self.normaliser.replaced()
    }

    pub(super) fn text(&self) -> &Text<R> {
        &self.text
    }

    fn check_size(&self, ending: Ending) -> Result<(), FileError> {
        let limit = self.limits.columns;
        if self.normaliser.fields() > limit {
            let line = self.record.line;
            let words = format!("line {line}; the limit is {limit}");
            let details = json!({"limit": limit, "line": line});
            return Err(refused(Code::CsvTooManyColumns, &words, details));
        }
        let limit = self.limits.record_bytes;
        if ending != Ending::TooLong && self.framed.len() <= limit {
            return Ok(());
        }
        let line = self.record.line;
        let words = format!("the record that begins on line {line}; the limit is {limit} bytes");
        Err(refused(Code::CsvRecordTooLarge, &words, json!({"limit": limit, "line": line})))
    }

    fn unterminated(&self) -> FileError {
        let line = self.record.line + self.normaliser.opened();
        refused(Code::CsvUnterminatedQuote, &format!("line {line}"), json!({"line": line}))
    }

    fn split(&mut self) -> Result<(), FileError> {
        let record = &mut self.record;
        let mut out = std::mem::take(&mut record.text).into_bytes();
        out.resize(self.framed.len(), 0);
        record.ends.resize(self.normaliser.fields() + 1, 0);
        let (result, read, written, fields) =
            self.core.read_record(&self.framed, &mut out, &mut record.ends);
        debug_assert_eq!(read, self.framed.len(), "both machines see the same record");
        if !matches!(result, ReadRecordResult::Record) {
            let limit = self.limits.record_bytes as u64;
            return Err(over_limit(Code::CsvRecordTooLarge, limit, "bytes", None));
        }
        out.truncate(written);
        record.ends.truncate(fields);
        record.text = String::from_utf8(out).unwrap_or_default();
        record.quotes.clear();
        record.quotes.extend_from_slice(self.normaliser.quotes());
        Ok(())
    }
}
