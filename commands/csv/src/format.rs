//! What a file of one product looks like: its columns, its notes, its quotes, the files beside it.

use std::fmt;

use crate::column::Column;
use crate::row::Row;

/// How the files of one product are read.
///
/// A column is identified by its index in `columns`.
#[derive(Debug, Clone, Copy)]
pub struct FileFormat {
    /// The columns, in the template's order.
    pub columns: &'static [Column],
    /// A file needs at least one of these columns, by index. Empty if `required` says it all.
    pub key_columns: &'static [usize],
    /// The most data rows of one file, if the product has a limit.
    pub row_limit: Option<u64>,
    /// How a bare quote within a value is judged.
    pub stray_quote: QuoteRule,
    /// How a doubled quote within a quoted value is judged.
    pub quote_in_value: QuoteRule,
    /// Rows of instructions, which are skipped.
    pub notes: Option<NoteRows>,
    /// Whether a text can only be a value. A first line with such a text is not a header.
    pub is_value: fn(&str) -> bool,
    /// The files that are imported together, the main file first. Empty if one file is the whole import.
    pub parts: &'static [FilePart],
}

impl FileFormat {
    /// A format of one file, without notes and without a row limit.
    pub const fn new(columns: &'static [Column]) -> Self {
        Self {
            columns,
            key_columns: &[],
            row_limit: None,
            stray_quote: QuoteRule::Warning,
            quote_in_value: QuoteRule::Fine,
            notes: None,
            is_value: |_| false,
            parts: &[],
        }
    }

    /// The index of the column of this name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// How a format recognises rows of instructions.
#[derive(Clone, Copy)]
pub struct NoteRows {
    /// Whether a row begins as instructions do.
    pub looks_like_note: fn(&mut dyn Iterator<Item = &str>) -> bool,
    /// Whether a row that looks like a note is data nevertheless.
    pub is_data: fn(&Row<'_>) -> bool,
}

impl fmt::Debug for NoteRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoteRows").finish_non_exhaustive()
    }
}

/// One of several files that are imported together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilePart {
    /// The part's name in messages and events.
    pub name: &'static str,
    /// A word of the file's name, without blanks and punctuation.
    pub word: &'static str,
    /// The part's columns in template order. Empty for the main file, which has the format's columns.
    pub header: &'static [&'static str],
}

/// How a quote in a value is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuoteRule {
    Fine,
    Warning,
    Problem,
}
