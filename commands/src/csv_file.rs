//! CSV files as people's programs write them: read within limits, each row with its values and problems.
//!
//! ```text
//! source ──► text ──► record ──► header, cells ──► row
//! unpacked   decoded  plain      matched to the    values and
//! bytes      lines    quotes     dialect           problems
//! ```
//! A file is read twice: [`scan`] finds everything that refuses the whole file before anything is
//! imported, [`rows`] gives the rows. Both hold one record at a time, whatever the bytes.

mod cells;
mod delimiter;
mod email;
mod failure;
mod guard;
mod header;
mod magic;
mod name;
mod named;
mod near;
mod normalise;
mod options;
pub mod parts;
mod reader;
mod record;
mod row;
mod source;
mod text;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::Read;

pub use cells::Cells;
pub use email::{check as check_email, is_mailbox};
pub use failure::FileError;
pub use guard::{escaped, guarded};
pub use header::same_name;
pub use name::clean_name;
pub use named::{Named, named};
pub use near::Near;
pub use normalise::{is_typographic, normalise};
pub use options::{Limits, Options};
pub use row::{Given, Manager, ParsedRow, RowValues};
pub(crate) use value::{exact, free, has_control};
pub use value::{has_invisible, spelled};

use crate::code::{Code, Problem, Refusal};
use crate::dialect::Dialect;
use failure::over_limit;
use reader::Reader;

/// What the first reading found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Data rows; blank and note rows are not counted.
    pub rows: u64,
    /// The encoding's name, such as `UTF-8`.
    pub encoding: String,
    pub delimiter: char,
    /// What is worth saying about the file as a whole.
    pub warnings: Vec<Problem>,
}

/// Reads the whole file and finds everything that refuses it as a whole, before anything is imported.
///
/// # Errors
/// The refusal (`import.*`, `csv.*`), or the fault of reading.
pub fn scan<R: Read>(
    input: R,
    dialect: &dyn Dialect,
    options: &Options,
    limits: &Limits,
) -> Result<Summary, FileError> {
    let mut reader = Reader::open(input, dialect, options, limits)?;
    while reader.advance()? {}
    let limit = dialect.row_limit().unwrap_or(limits.rows).min(limits.rows);
    match reader.row() {
        0 => Err(Refusal::new(Code::ImportHeaderOnly).into()),
        rows if rows > limit => Err(over_limit(Code::ImportTooManyRows, limit, "rows", Some(rows))),
        rows => Ok(Summary {
            rows,
            encoding: reader.encoding().to_owned(),
            delimiter: char::from(reader.delimiter()),
            warnings: reader.warnings(),
        }),
    }
}

/// Reads the rows of a file that [`scan`] has passed.
///
/// # Errors
/// The same as [`scan`]'s, as far as the header shows them; later ones come with the row.
pub fn rows<'d, R: Read>(
    input: R,
    dialect: &'d dyn Dialect,
    options: &Options,
    limits: &Limits,
) -> Result<Rows<'d, R>, FileError> {
    let reader = Reader::open(input, dialect, options, limits)?;
    let (limits, named) = (limits.clone(), Named::default());
    Ok(Rows { reader, limits, assume_plus: options.assume_plus, named, over: false })
}

/// The rows of a file, in its order. Ends at the first whole-file failure.
pub struct Rows<'d, R> {
    reader: Reader<'d, R>,
    limits: Limits,
    assume_plus: bool,
    named: Named,
    over: bool,
}

impl<R: Read> Rows<'_, R> {
    /// The same rows, told whom the file creates.
    #[must_use]
    pub fn knowing(mut self, named: Named) -> Self {
        self.named = named;
        self
    }

    /// The column names as in the file.
    pub fn header(&self) -> &[String] {
        &self.reader.header().names
    }

    /// How the file itself names a column of the dialect, if it has it.
    pub fn own_name(&self, column: &str) -> Option<&str> {
        let header = self.reader.header();
        let columns = self.reader.dialect().columns();
        let index = columns.iter().position(|known| known.name == column)?;
        let place = header.places.get(index).copied().flatten()?;
        Some(value::trim(header.names.get(place)?))
    }

    fn parse(&self) -> ParsedRow {
        let (record, dialect) = (self.reader.record(), self.reader.dialect());
        let header = self.reader.header();
        let mut cells = Cells::new(record, header, dialect.columns(), self.assume_plus);
        cells.check_shape(dialect, &self.limits);
        // A row that is out of shape gives no values: nobody knows which cell is whose.
        let misshapen = cells.problems.iter().any(|problem| {
            matches!(problem.code, Code::CsvFieldCountMismatch | Code::CsvFieldTooLarge)
        });
        let mut values = if misshapen { RowValues::default() } else { dialect.read(&mut cells) };
        for other in [&mut values.manager, &mut values.supervisor].into_iter().flatten() {
            other.in_file = self.named.creates(&other.key);
        }
        let (problems, warnings) = (cells.problems, cells.warnings);
        ParsedRow {
            row: self.reader.row(),
            line: record.line,
            cells: record.cells().map(str::to_owned).collect(),
            values,
            problems,
            warnings,
        }
    }
}

impl<R: Read> Iterator for Rows<'_, R> {
    type Item = Result<ParsedRow, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        match self.reader.advance() {
            Ok(true) => Some(Ok(self.parse())),
            Ok(false) => {
                self.over = true;
                None
            }
            Err(error) => {
                self.over = true;
                Some(Err(error))
            }
        }
    }
}

impl<R> fmt::Debug for Rows<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("over", &self.over).finish_non_exhaustive()
    }
}
