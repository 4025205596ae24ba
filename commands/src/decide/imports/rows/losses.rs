//! What a row loses although it is applied: a phone that is not added to the corporate list.

use boarding_csv::CellValue;

use super::Rows;
use crate::company::User;
use crate::dialect::Dialect;
use crate::event::{PhoneOutcome, RowRef};
use crate::user_file::RowValues;
use crate::values::{Code, Problem};

impl Rows<'_> {
    /// Counts the phone as lost if phones are added and the person ends without one, or warns of a blank cell.
    /// `user` is an existing person.
    ///
    /// A rejected phone has its outcome, and a file without the column has one warning.
    pub(super) fn note_phone_loss(
        &self,
        values: &RowValues,
        user: Option<&User>,
        row: &mut RowRef,
    ) {
        if !self.options.add_to_corporate_phones {
            return;
        }
        let is_listed = || user.is_some_and(|user| !user.listed().is_empty());
        match (&values.phone, row.phone) {
            // The cell itself was counted when it was read.
            (CellValue::Value(Err(_)), _) => {}
            (_, Some(PhoneOutcome::Rejected(_))) => row.lost += 1,
            (CellValue::Blank | CellValue::Absent, _) => {
                let Some(column) = self.phone_column else { return };
                if is_listed() {
                    return;
                }
                // A blank cell loses nothing, but the person cannot be invited.
                let is_error = |one: &Problem| {
                    one.code == Code::TextSpreadsheetError && one.column.as_deref() == Some(column)
                };
                if values.phone == CellValue::Blank {
                    row.warnings.push(Problem::in_column(column, Code::PhoneMissing));
                } else if !row.warnings.iter().any(is_error) {
                    // An error of a spreadsheet was counted as a lost cell.
                    row.lost += 1;
                }
            }
            (CellValue::Value(Ok(_)), _) => {}
        }
    }
}

/// The column of the phones without which people cannot be invited.
pub(crate) fn needed_phone(dialect: &dyn Dialect) -> Option<&'static str> {
    dialect.phone_column().filter(|_| dialect.needs_corporate_phone())
}
