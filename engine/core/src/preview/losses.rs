//! What the rows of an import lost: cells, phones and whole rows, with their lines.

use serde_json::Value;

/// The most lines that are named of each kind: enough to find them in the file, few enough for one line of text.
const LINES_SHOWN: usize = 5;

/// The cells, phones and rows of a file that the import did not use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Losses {
    cells: Lost,
    phones: Lost,
    rows: Lost,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Lost {
    count: u64,
    lines: Vec<u64>,
}

impl Losses {
    /// Adds the losses of a row in the form of the query `import_rows`.
    pub fn add(&mut self, row: &Value) {
        let number = |field: &str| row.get(field).and_then(Value::as_u64).unwrap_or_default();
        let listed = |field: &str| row.get(field).and_then(Value::as_array).into_iter().flatten();
        let (lost, line) = (number("lost"), number("line"));
        // A row with problems was refused, so the whole row is lost.
        if listed("problems").next().is_some() {
            return self.rows.add(lost, line);
        }
        let cells = listed("warnings").filter(|warning| is_lost_cell(warning)).count() as u64;
        let cells = cells.min(lost);
        self.cells.add(cells, line);
        self.phones.add(lost - cells, line);
    }

    /// The losses with their lines: `1 cell (line 4), 2 phones (lines 5, 9)`. Empty without losses.
    pub fn text(&self) -> String {
        let kinds = [
            (&self.cells, "cell", "cells"),
            (&self.phones, "phone", "phones"),
            (&self.rows, "row", "rows"),
        ];
        let texts =
            kinds.into_iter().filter(|(lost, ..)| lost.count > 0).map(|(lost, one, many)| {
                format!(
                    "{} {} ({})",
                    lost.count,
                    if lost.count == 1 { one } else { many },
                    lost.lines()
                )
            });
        texts.collect::<Vec<_>>().join(", ")
    }
}

impl Lost {
    fn add(&mut self, count: u64, line: u64) {
        self.count += count;
        if count > 0 && self.lines.len() <= LINES_SHOWN + 1 {
            self.lines.push(line);
        }
    }

    fn lines(&self) -> String {
        // A single line more is shown instead of the mark for it.
        let all = self.lines.len() <= LINES_SHOWN + 1;
        let count = if all { self.lines.len() } else { LINES_SHOWN };
        let shown: Vec<_> = self.lines.iter().take(count).map(u64::to_string).collect();
        let more = if all { "" } else { ", …" };
        let word = if self.lines.len() == 1 { "line" } else { "lines" };
        format!("{word} {}{more}", shown.join(", "))
    }
}

/// Whether a warning says that the value of a cell was not used.
fn is_lost_cell(warning: &Value) -> bool {
    let code = warning.get("code").and_then(Value::as_str).unwrap_or_default();
    let kept = ["phone.missing", "phone.plus_assumed"];
    code == "text.spreadsheet_error" || (code.starts_with("phone.") && !kept.contains(&code))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn losses_are_named_by_kind_with_their_lines() {
        let mut losses = Losses::default();
        assert_eq!(losses.text(), "");
        let cell = json!({"code": "text.spreadsheet_error"});
        let assumed = json!({"code": "phone.plus_assumed"});
        losses.add(&json!({"line": 2, "lost": 0, "warnings": [assumed]}));
        losses.add(&json!({"line": 4, "lost": 2, "warnings": [cell]}));
        let again = json!({"code": "row.duplicate_in_file"});
        losses.add(&json!({"line": 9, "lost": 1, "problems": [again]}));
        assert_eq!(losses.text(), "1 cell (line 4), 1 phone (line 4), 1 row (line 9)");
        for line in 10..16 {
            losses.add(&json!({"line": line, "lost": 1, "phone": "rejected:phone.invalid"}));
        }
        assert!(losses.text().contains("7 phones (lines 4, 10, 11, 12, 13, …)"), "{losses:?}");
    }
}
