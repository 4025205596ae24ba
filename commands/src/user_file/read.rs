//! The three passes over a file: check the whole file, find the users that it creates, read its rows.

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use boarding_csv::{Limits, Options, Reader};

use super::cells::{CellProblems, Cells};
use super::defects::{FileError, problem};
use super::dialect::Dialect;
use super::file_facts::{FactCollector, FileFacts};
use super::row::{ParsedRow, RowValues};
use super::same_key::EarlierRows;
use crate::event::IgnoredRows;
use crate::values::{Code, Problem, UserKey, damage};

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
    /// Rows that name no person.
    pub ignored: IgnoredRows,
    /// The dialect's columns that the file has, by the dialect's names.
    pub columns: Vec<&'static str>,
    /// The encoding's name, such as `UTF-8`.
    pub encoding: String,
    pub delimiter: char,
    /// Warnings about the file as a whole.
    pub warnings: Vec<Problem>,
}

#[cfg(test)]
impl FileSummary {
    /// A file of these many rows, without warnings.
    pub(crate) fn plain(rows: u64) -> Self {
        Self {
            rows,
            ignored: IgnoredRows::default(),
            columns: vec!["username", "phone_number"],
            encoding: "UTF-8".to_owned(),
            delimiter: ',',
            warnings: vec![],
        }
    }
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
        ignored: IgnoredRows { notes: scan.note_rows, blank: scan.blank_rows },
        columns: scan.columns,
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
    Ok(FileRows {
        reader,
        dialect,
        assume_plus: options.assume_plus,
        facts: Arc::default(),
        finds_warnings: true,
        earlier: EarlierRows::default(),
        is_over: false,
    })
}

/// Reads what the rows of a file say about each other.
///
/// # Errors
/// The same as of [`scan`].
pub fn facts<R: Read>(
    input: R,
    dialect: &dyn Dialect,
    options: &ReadOptions,
    limits: &Limits,
) -> Result<FileFacts, FileError> {
    Ok(facts_of(input, dialect, options, limits, |_| true)?.finish())
}

/// Reads a part of the rows of a file, chosen by their numbers, so that two threads can share a file. The facts of all parts
/// together are those of the file.
///
/// # Errors
/// The same as of [`scan`].
pub fn facts_of<R: Read>(
    input: R,
    dialect: &dyn Dialect,
    options: &ReadOptions,
    limits: &Limits,
    is_of_part: impl Fn(u64) -> bool,
) -> Result<FactCollector, FileError> {
    let mut reader = Reader::open(input, dialect.format(), &options.csv, limits)?;
    let mut facts = FactCollector::default();
    while reader.advance()? {
        if !is_of_part(reader.row_number()) {
            continue;
        }
        let mut cells = Cells::new(reader.row(), options.assume_plus).without_warnings();
        let values = read_values(&reader, dialect, &mut cells);
        let is_valid = cells.into_problems().problems.is_empty();
        facts.add(reader.row().line(), &values, is_valid, dialect.refers_ahead());
    }
    Ok(facts)
}

/// The values of the reader's row. `cells` get its problems, and its warnings if they look for some.
pub(super) fn read_values<R: Read>(
    reader: &Reader<R>,
    dialect: &dyn Dialect,
    cells: &mut Cells<'_>,
) -> RowValues {
    let defects = reader.row_defects();
    let is_misshapen = defects.is_misshapen;
    cells.add_defects(defects);
    let values = if is_misshapen { RowValues::default() } else { dialect.read(cells) };
    cells.check_damage();
    if damage::looks_like_total(reader.row().cells()) {
        cells.refuse_row(Code::RowNotAPerson);
    }
    values
}

/// The rows of a file, in its order. The first error for the file as a whole ends them.
pub struct FileRows<'d, R> {
    reader: Reader<R>,
    dialect: &'d dyn Dialect,
    assume_plus: bool,
    facts: Arc<FileFacts>,
    finds_warnings: bool,
    earlier: EarlierRows,
    is_over: bool,
}

impl<R: Read> FileRows<'_, R> {
    /// The same rows, each with what it has to do with other rows.
    #[must_use]
    pub fn with_facts(self, facts: impl Into<Arc<FileFacts>>) -> Self {
        Self { facts: facts.into(), ..self }
    }

    /// The same rows for a reader who needs only their values and whether they are valid. The checks for warnings that take
    /// long are left out.
    #[must_use]
    pub fn without_warnings(self) -> Self {
        Self { finds_warnings: false, ..self }
    }

    /// The column names as in the file.
    pub fn header(&self) -> &[String] {
        self.reader.header()
    }

    /// The file's own name of a column of the dialect.
    pub fn own_name(&self, column: &str) -> Option<&str> {
        self.reader.own_name(column)
    }

    fn parse(&mut self) -> ParsedRow {
        let row = self.reader.row();
        let mut cells = Cells::new(row, self.assume_plus);
        if !self.finds_warnings {
            cells = cells.without_warnings();
        }
        let mut values = read_values(&self.reader, self.dialect, &mut cells);
        for other in [&mut values.manager, &mut values.supervisor].into_iter().flatten() {
            other.in_file = self.facts.created.contains(&other.key);
        }
        let CellProblems { problems, mut warnings, lost } = cells.into_problems();
        let mut same_key = Vec::new();
        if let Some(key) = &values.user {
            if self.facts.is_repeated(key) {
                same_key = self.earlier.compare(key, self.reader.row_number(), &row);
            }
            warnings.extend(self.warnings_of_others(key, &values, row.line()));
        }
        ParsedRow {
            row: self.reader.row_number(),
            line: row.line(),
            cells: row.cells().map(str::to_owned).collect(),
            values,
            problems,
            warnings,
            lost,
            same_key,
        }
    }

    /// Warnings that other rows of the file give reason for.
    fn warnings_of_others(&self, key: &UserKey, values: &RowValues, line: u64) -> Vec<Problem> {
        let alike = self.facts.alike(key, line);
        let alike = alike.map(|lines| Problem::new(Code::KeyLooksAlike).saying(&lines));
        let email = values.email.as_ref().value();
        let shared = email.and_then(|email| self.facts.shared(email, line)).map(|lines| {
            let column = self.dialect.spelling("email");
            Problem::in_column(column, Code::EmailShared).saying(&lines)
        });
        alike.into_iter().chain(shared).collect()
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
