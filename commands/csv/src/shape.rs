//! Checks the shape of a row: field count, field size, quotes.

use crate::column::Column;
use crate::defect::{Defect, DefectKind};
use crate::format::{FileFormat, QuoteRule};
use crate::header::Header;
use crate::options::Limits;
use crate::quotes::OddQuote;
use crate::record::Record;

/// What is wrong with the shape of a row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RowDefects {
    /// Defects that make the row invalid.
    pub problems: Vec<Defect>,
    /// Defects that leave the row valid. The person who imports the file sees them.
    pub warnings: Vec<Defect>,
    /// Whether no value of the row may be used.
    ///
    /// The row has too few or too many cells, or a cell is too large.
    pub is_misshapen: bool,
}

/// Returns the defects of a record's shape.
pub(crate) fn defects(
    record: &Record,
    header: &Header,
    format: &FileFormat,
    limits: &Limits,
) -> RowDefects {
    let mut found = RowDefects::default();
    let (expected, actual) = (header.names.len(), record.len());
    if expected != actual {
        let words = format!("{actual} instead of {expected}");
        found.problems.push(Defect::new(DefectKind::FieldCountMismatch).saying(&words));
    }
    let defect_of = |cell, kind| cell_defect(header, format.columns, cell, kind);
    for (index, cell) in record.cells().enumerate() {
        if cell.len() > limits.field_bytes {
            let words = format!("the limit is {} bytes", limits.field_bytes);
            found.problems.push(defect_of(index, DefectKind::FieldTooLarge).saying(&words));
        }
    }
    // Set before the check of quotes, because odd quotes do not make a row misshapen. The cells are
    // still in the right columns.
    found.is_misshapen = !found.problems.is_empty();
    for &(index, quote) in &record.quotes {
        let (kind, rule) = match quote {
            OddQuote::Stray => (DefectKind::StrayQuote, format.stray_quote),
            OddQuote::Doubled => (DefectKind::QuoteInValue, format.quote_in_value),
        };
        match rule {
            QuoteRule::Fine => {}
            QuoteRule::Warning => found.warnings.push(defect_of(index, kind)),
            QuoteRule::Problem => found.problems.push(defect_of(index, kind)),
        }
    }
    found
}

fn cell_defect(
    header: &Header,
    columns: &'static [Column],
    index: usize,
    kind: DefectKind,
) -> Defect {
    Defect::new(kind).in_column(&header.label(index, columns))
}
