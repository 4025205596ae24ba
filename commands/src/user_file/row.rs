//! A parsed row: its values, problems and warnings.

use std::collections::BTreeMap;
use std::fmt;

use boarding_csv::CellValue;

use super::same_key::SameKey;
use crate::values::{Code, Phone, Problem, UserKey};

/// The values of a row, by the names of the model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowValues {
    /// The company's key for the person; none only if the row has a problem.
    pub user: Option<UserKey>,
    pub first_name: CellValue<String>,
    pub last_name: CellValue<String>,
    pub email: CellValue<String>,
    /// An invalid phone does not make the row invalid: it is a warning.
    pub phone: CellValue<Result<Phone, Code>>,
    pub org_unit: CellValue<String>,
    pub roles: CellValue<Vec<String>>,
    /// Whether the person is to be active; none for a blank cell or a missing column.
    pub enabled: Option<bool>,
    /// Whether the person is to be archived. Then the other values of the row are ignored.
    pub archived: bool,
    /// The manager of the person, if it must be resolved; the text is also an attribute.
    pub manager: Option<UserRef>,
    /// A person that the row refers to and that must exist; the text is also an attribute.
    pub supervisor: Option<UserRef>,
    /// The number of the pool that the person is to get.
    pub number: CellValue<Phone>,
    /// The values that only this dialect has, by attribute name.
    pub attributes: BTreeMap<String, CellValue<String>>,
}

/// A person that a row refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRef {
    pub key: UserKey,
    /// Whether a row of the file creates that person, before or after this one.
    pub in_file: bool,
}

impl UserRef {
    /// A reference whose person is not yet looked for in the rest of the file.
    pub fn named(key: UserKey) -> Self {
        Self { key, in_file: false }
    }
}

/// One data row.
#[derive(Clone, PartialEq, Eq)]
pub struct ParsedRow {
    /// The data row's number, from 1; header, blank and note rows are not counted.
    pub row: u64,
    /// The physical line on which it begins, from 1.
    pub line: u64,
    /// The cells as in the file, so that a refused row can be exported.
    pub cells: Vec<String>,
    pub values: RowValues,
    /// The problems that make the row invalid; the row is valid if there is none.
    pub problems: Vec<Problem>,
    /// What the importing person should see although the row is valid.
    pub warnings: Vec<Problem>,
    /// Cells whose text is not taken over though the row is good. Each has a warning.
    pub lost: u64,
    /// The earlier rows of the file with the same key, as far as they are known.
    pub same_key: Vec<SameKey>,
}

impl ParsedRow {
    /// The row as an invalid row without values. It replaces a row whose events do not fit in one commit.
    #[must_use]
    pub fn as_too_large(self) -> Self {
        let problem = Problem::new(Code::CsvRecordTooLarge).saying(
            "with the values that the user has already, the row does not fit in one commit",
        );
        let values = RowValues { user: self.values.user, ..RowValues::default() };
        Self {
            values,
            problems: vec![problem],
            warnings: Vec::new(),
            lost: 0,
            same_key: Vec::new(),
            ..self
        }
    }
}

/// Shows the place and the codes, never the cells.
impl fmt::Debug for ParsedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParsedRow")
            .field("row", &self.row)
            .field("line", &self.line)
            .field("problems", &self.problems)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}
