//! `on_error: reject_file`: collects the invalid rows of a file and refuses the file.

use serde_json::{Value, json};

use crate::event::{Event, RowOutcome};
use crate::values::{Code, Refusal};

/// The number of invalid rows of a file, and the first problems in them.
#[derive(Debug, Clone, Default)]
pub struct BadRows {
    rows: u64,
    problems: Vec<Value>,
}

impl BadRows {
    /// The most problems in the refusal's details: enough to show a pattern, in a small answer.
    pub const LISTED_PROBLEMS_MAX: usize = 20;
    /// The most problems in the refusal's message: a person reads them at a glance.
    const MESSAGE_PROBLEMS_MAX: usize = 3;

    /// The invalid rows among these events.
    pub fn among<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut bad = Self::default();
        events.into_iter().for_each(|event| bad.add(event));
        bad
    }

    /// Adds the next event of the import, if it is an invalid row.
    pub fn add(&mut self, event: &Event) {
        let Event::RowRefused { row, outcome: RowOutcome::Invalid, problems, .. } = event else {
            return;
        };
        self.rows += 1;
        let left = Self::LISTED_PROBLEMS_MAX - self.problems.len();
        self.problems.extend(problems.iter().take(left).map(|problem| {
            let (column, code) = (&problem.column, problem.code);
            json!({"row": row.row, "line": row.line, "column": column, "code": code})
        }));
    }

    /// Refuses the file if any row is invalid. `total` is the number of rows of the file.
    ///
    /// # Errors
    /// `import.invalid_rows`, with their number and the first problems by row, line, column and code.
    pub fn check(self, total: u64) -> Result<(), Refusal> {
        let Self { rows: invalid, problems } = self;
        if invalid == 0 {
            return Ok(());
        }
        let first: Vec<String> =
            problems.iter().take(Self::MESSAGE_PROBLEMS_MAX).map(in_words).collect();
        let more = if problems.len() > first.len() { "; …" } else { "" };
        let rows = if total == 1 { "row" } else { "rows" };
        let words = format!("{invalid} of {total} {rows}: {}{more}", first.join("; "));
        let details = json!({"invalid": invalid, "total": total, "problems": problems});
        Err(Refusal::new(Code::ImportInvalidRows).saying(&words).with(details))
    }
}

/// A problem as text, such as `row 3, email: field.invalid_email`.
fn in_words(problem: &Value) -> String {
    let text = |name: &str| problem.get(name).and_then(Value::as_str);
    let row = problem.get("row").and_then(Value::as_u64).unwrap_or_default();
    let column = text("column").map(|column| format!(", {column}")).unwrap_or_default();
    format!("row {row}{column}: {}", text("code").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::imports::import_file::testing::import_id;
    use crate::event::RowRef;
    use crate::values::Problem;

    fn refused(row: u64, outcome: RowOutcome, problems: Vec<Problem>) -> Event {
        let row = RowRef::new(import_id(), row, row + 1);
        Event::RowRefused { user: None, row, outcome, problems }
    }

    #[test]
    fn skipped_and_duplicate_rows_do_not_refuse_the_file() {
        let rows = [
            refused(1, RowOutcome::Skipped, vec![Problem::new(Code::RowUserExists)]),
            refused(2, RowOutcome::Duplicate, vec![Problem::new(Code::RowDuplicateInFile)]),
        ];
        assert!(BadRows::among(&rows).check(2).is_ok());
    }

    #[test]
    fn first_problems_are_listed_and_all_rows_counted() {
        let twice = || {
            vec![
                Problem::in_column("email", Code::FieldInvalidEmail),
                Problem::new(Code::CsvStrayQuote),
            ]
        };
        let rows: Vec<_> =
            (1..=1_000).map(|row| refused(row, RowOutcome::Invalid, twice())).collect();
        let refusal = BadRows::among(&rows).check(2_000).unwrap_err();
        assert_eq!(refusal.code, Code::ImportInvalidRows);
        assert_eq!(refusal.details["invalid"], json!(1_000));
        let listed = refusal.details["problems"].as_array().unwrap();
        assert_eq!(listed.len(), BadRows::LISTED_PROBLEMS_MAX);
        let first = json!({"row": 1, "line": 2, "column": "email", "code": "field.invalid_email"});
        assert_eq!((&listed[0], &listed[19]["row"]), (&first, &json!(10)));
        let expected = "(1000 of 2000 rows: row 1, email: field.invalid_email; row 1: csv.stray_quote; \
                    row 2, email: field.invalid_email; …)";
        assert!(refusal.message.ends_with(expected), "{}", refusal.message);
    }

    #[test]
    fn message_names_the_only_problem() {
        let row = refused(7, RowOutcome::Invalid, vec![Problem::new(Code::CsvStrayQuote)]);
        let refusal = BadRows::among([&row]).check(9).unwrap_err();
        assert!(
            refusal.message.ends_with("(1 of 9 rows: row 7: csv.stray_quote)"),
            "{}",
            refusal.message
        );
    }
}
