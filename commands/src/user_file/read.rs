//! The three passes over a file: check the whole file, find the users that it creates, read its rows.

use std::fmt;
use std::io::Read;

use boarding_csv::{Limits, Options, Reader};

use super::cells::Cells;
use super::created_keys::CreatedKeys;
use super::defects::{FileError, problem};
use super::dialect::Dialect;
use super::row::{ParsedRow, RowValues};
use crate::values::Problem;

/// What the caller says about a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadOptions {
    pub csv: Options,
    /// Whether a phone number without a plus sign is read as if it had one.
    pub assume_plus: bool,
}

/// What a scan of the whole file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSummary {
    /// Data rows. Blank and note rows are not counted.
    pub rows: u64,
    /// The encoding's name, such as `UTF-8`.
    pub encoding: String,
    pub delimiter: char,
    /// Warnings about the file as a whole.
    pub warnings: Vec<Problem>,
}

/// Reads the whole file and finds every reason to refuse it as a whole, before anything is imported.
///
/// # Errors
/// The refusal (`import.*`, `csv.*`), or the error of reading.
pub fn scan<R: Read>(
    input: R,
    dialect: &dyn Dialect,
    options: &ReadOptions,
    limits: &Limits,
) -> Result<FileSummary, FileError> {
    let scan = boarding_csv::scan(input, dialect.format(), &options.csv, limits)?;
    Ok(FileSummary {
        rows: scan.rows,
        encoding: scan.encoding,
        delimiter: scan.delimiter,
        warnings: scan.warnings.into_iter().map(problem).collect(),
    })
}

/// Reads the rows of a file that [`scan`] has accepted.
///
/// # Errors
/// The errors of [`scan`] that the header shows. A later error ends the rows.
pub fn rows<'d, R: Read>(
    input: R,
    dialect: &'d dyn Dialect,
    options: &ReadOptions,
    limits: &Limits,
) -> Result<FileRows<'d, R>, FileError> {
    let reader = Reader::open(input, dialect.format(), &options.csv, limits)?;
    let (assume_plus, created) = (options.assume_plus, CreatedKeys::default());
    Ok(FileRows { reader, dialect, assume_plus, created, is_over: false })
}

/// Reads which users a file creates. Does not read the file if no row of the dialect refers to another row.
///
/// # Errors
/// The same as of [`scan`].
pub fn created_keys<R: Read>(
    input: R,
    dialect: &dyn Dialect,
    options: &ReadOptions,
    limits: &Limits,
) -> Result<CreatedKeys, FileError> {
    let mut created = CreatedKeys::default();
    if dialect.refers_ahead() {
        for row in rows(input, dialect, options, limits)? {
            created.add(&row?);
        }
    }
    Ok(created)
}

/// The rows of a file, in its order. The first error for the file as a whole ends them.
pub struct FileRows<'d, R> {
    reader: Reader<R>,
    dialect: &'d dyn Dialect,
    assume_plus: bool,
    created: CreatedKeys,
    is_over: bool,
}

impl<R: Read> FileRows<'_, R> {
    /// The same rows. A reference to a user knows whether the file creates that user.
    #[must_use]
    pub fn with_created_keys(mut self, created: CreatedKeys) -> Self {
        self.created = created;
        self
    }

    /// The column names as in the file.
    pub fn header(&self) -> &[String] {
        self.reader.header()
    }

    /// The file's own name of a column of the dialect.
    pub fn own_name(&self, column: &str) -> Option<&str> {
        self.reader.own_name(column)
    }

    fn parse(&self) -> ParsedRow {
        let row = self.reader.row();
        let defects = self.reader.row_defects();
        let is_misshapen = defects.is_misshapen;
        let mut cells = Cells::new(row, self.assume_plus).with_defects(defects);
        let mut values =
            if is_misshapen { RowValues::default() } else { self.dialect.read(&mut cells) };
        for other in [&mut values.manager, &mut values.supervisor].into_iter().flatten() {
            other.in_file = self.created.contains(&other.key);
        }
        let (problems, warnings) = cells.into_problems();
        ParsedRow {
            row: self.reader.row_number(),
            line: row.line(),
            cells: row.cells().map(str::to_owned).collect(),
            values,
            problems,
            warnings,
        }
    }
}

impl<R: Read> Iterator for FileRows<'_, R> {
    type Item = Result<ParsedRow, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        match self.reader.advance() {
            Ok(true) => Some(Ok(self.parse())),
            Ok(false) => {
                self.is_over = true;
                None
            }
            Err(error) => {
                self.is_over = true;
                Some(Err(error.into()))
            }
        }
    }
}

impl<R> fmt::Debug for FileRows<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileRows").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}
