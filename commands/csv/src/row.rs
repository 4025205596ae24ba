//! One data row: its cells by column, matched to the format's columns.

use std::fmt;

use crate::characters::trim;
use crate::column::Column;
use crate::formula_guard::unguarded;
use crate::header::Header;
use crate::record::Record;

/// What a row says about one value.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum CellValue<T> {
    /// Nothing: the file has no such column, or the cell cannot be used.
    #[default]
    Absent,
    /// The cell is blank.
    Blank,
    Value(T),
}

impl<T> CellValue<T> {
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Blank => None,
        }
    }

    pub fn as_ref(&self) -> CellValue<&T> {
        match self {
            Self::Absent => CellValue::Absent,
            Self::Blank => CellValue::Blank,
            Self::Value(value) => CellValue::Value(value),
        }
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> CellValue<U> {
        match self {
            Self::Absent => CellValue::Absent,
            Self::Blank => CellValue::Blank,
            Self::Value(value) => CellValue::Value(f(value)),
        }
    }
}

/// Never shows the value: it may be personal data.
impl<T> fmt::Debug for CellValue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::Blank => "Blank",
            Self::Value(_) => "Value(***)",
        })
    }
}

/// One data row of a file whose header is known.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    record: &'a Record,
    header: &'a Header,
    columns: &'static [Column],
}

impl<'a> Row<'a> {
    pub(crate) fn new(record: &'a Record, header: &'a Header, columns: &'static [Column]) -> Self {
        Self { record, header, columns }
    }

    /// The physical line on which the row begins, from 1.
    pub fn line(&self) -> u64 {
        self.record.line
    }

    /// The cells as in the file.
    pub fn cells(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.record.cells()
    }

    /// The cell of a column, without blanks around the text and without a formula guard.
    pub fn cell(&self, column: usize) -> CellValue<&'a str> {
        let Some(place) = self.header.places.get(column).copied().flatten() else {
            return CellValue::Absent;
        };
        match trim(unguarded(trim(self.record.cell(place)))) {
            "" => CellValue::Blank,
            text => CellValue::Value(text),
        }
    }

    /// The number of the format's columns.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// The format's name of a column.
    pub fn column_name(&self, column: usize) -> &'static str {
        self.columns.get(column).map_or("", |column| column.name)
    }
}

/// Shows the line, never the cells.
impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("line", &self.record.line).finish_non_exhaustive()
    }
}
