//! The file format of one product: columns, notes, quotes and companion files.

use std::fmt;

use crate::column::{Column, HeaderWords};
use crate::row::Row;

/// How the files of one product are read.
///
/// A column is identified by its index in `columns`.
#[derive(Debug, Clone, Copy)]
pub struct FileFormat {
    /// The columns, in the template's order.
    pub columns: &'static [Column],
    /// Indexes of columns; a file needs at least one of them. Empty if the product has no such rule.
    pub key_columns: &'static [usize],
    /// The most data rows of one file, if the product has a limit.
    pub row_limit: Option<u64>,
    /// The rule for a bare quote within a value.
    pub stray_quote: QuoteRule,
    /// The rule for a doubled quote within a quoted value.
    pub quote_in_value: QuoteRule,
    /// How rows of instructions are recognised. They are skipped. None if the product has no such rows.
    pub notes: Option<NoteRows>,
    /// Whether a text can only be a value, never a column name. A first line with such a text is not a header.
    pub is_value: fn(&str) -> bool,
    /// Words of other languages and products for columns. They are suggested, and never match by themselves.
    pub words: &'static [HeaderWords],
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
            words: &[],
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
    /// Whether a row with these cells begins like a row of instructions.
    pub looks_like_note: fn(&mut dyn Iterator<Item = &str>) -> bool,
    /// Whether a row is data although it looks like a note.
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
    /// A word by which the file's name shows the part, in small letters, without blanks and punctuation.
    pub word: &'static str,
    /// The part's columns in template order. Empty for the main file, which has the format's columns.
    pub header: &'static [&'static str],
}

/// What a quote in a value does to the row. The quote itself is always kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuoteRule {
    /// Nothing.
    Fine,
    /// The row gets a warning.
    Warning,
    /// The row is invalid.
    Problem,
}
