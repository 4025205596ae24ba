//! Cells that spreadsheets, databases and wrong encodings have damaged.

use boarding_csv::{CellValue, looks_double_encoded};

use super::Cells;
use crate::values::{Code, Problem, damage};

impl Cells<'_> {
    /// Notes what spreadsheets, databases and wrong encodings did to the cells. The dialect has read them before.
    ///
    /// It adds warnings, and words a problem better. It finds no problem in a row without one.
    pub(in crate::user_file) fn check_damage(&mut self) {
        if !self.finds_warnings {
            return;
        }
        for column in 0..self.row.columns() {
            let CellValue::Value(text) = self.row.cell(column) else { continue };
            if !damage::may_be_damaged(text) {
                continue;
            }
            if damage::is_spreadsheet_error(text) {
                self.note_spreadsheet_error(column, text);
                continue;
            }
            if damage::is_null_word(text) && !self.has_problem(column) {
                let problem = Problem::in_column(self.name(column), Code::TextNullWord);
                self.warnings.push(problem.saying(&format!("the cell has {text}")));
            }
            if looks_double_encoded(text) {
                self.warning(column, Code::TextLooksDoubleEncoded);
            }
            if damage::has_replacement(text) && !self.has_problem(column) {
                self.warning(column, Code::TextReplacementCharacter);
            }
        }
    }

    /// Notes a control character, and the encoding that writes such ones.
    pub(super) fn control_character(&mut self, column: usize) {
        // ISO-2022-JP switches between alphabets with these marks, and is valid ASCII otherwise.
        let text = self.raw(column).value().unwrap_or_default();
        if text.contains("\u{1b}$") || text.contains("\u{1b}(") {
            let more = "the file may be saved as ISO-2022-JP: name the encoding iso-2022-jp";
            self.problem_saying(column, Code::FieldControlCharacter, more);
        } else {
            self.problem(column, Code::FieldControlCharacter);
        }
    }

    /// Notes an error of a spreadsheet: a problem where a value is required, otherwise a lost cell.
    fn note_spreadsheet_error(&mut self, column: usize, text: &str) {
        let problem = Problem::in_column(self.name(column), Code::TextSpreadsheetError);
        let problem = problem.saying(&format!("the cell has {text}"));
        let name = self.name(column);
        let required = self
            .problems
            .iter_mut()
            .find(|one| one.column.as_deref() == Some(name) && one.code == Code::FieldRequired);
        match required {
            Some(required) => *required = problem,
            None => {
                self.lost += 1;
                self.warnings.push(problem);
            }
        }
    }

    fn has_problem(&self, column: usize) -> bool {
        let name = self.name(column);
        self.problems.iter().chain(&self.warnings).any(|one| one.column.as_deref() == Some(name))
    }

    /// Refuses a key that programs write for an empty value: several rows without a key would be one person. Returns
    /// whether the key is such a word.
    pub fn refuse_null_word(&mut self, column: usize) -> bool {
        let Some(word) = self.raw(column).value().filter(|text| damage::is_null_word(text)) else {
            return false;
        };
        let problem = Problem::in_column(self.name(column), Code::TextNullWord);
        let message =
            format!("The key is {word}, which programs write for an empty value; enter the key.");
        self.problems.push(Problem { message, ..problem });
        true
    }

    /// Refuses a key that a spreadsheet turned into scientific notation, with the text of the cell. Returns whether it
    /// did.
    pub(super) fn refuse_scientific(&mut self, column: usize, text: &str) -> bool {
        let is_scientific = damage::is_scientific(text);
        if is_scientific {
            let problem = Problem::in_column(self.name(column), Code::KeyScientificNotation);
            let message = problem.message.replacen("a form like 1.23457E+11", text, 1);
            self.problems.push(Problem { message, ..problem });
        }
        is_scientific
    }

    /// Notes that the row as a whole is invalid.
    pub(in crate::user_file) fn refuse_row(&mut self, code: Code) {
        self.problems.push(Problem::new(code));
    }
}
