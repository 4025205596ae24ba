//! Rows as CSV: for machines as they are, for spreadsheets guarded against formulas (N65).

use boarding_commands::values::{Code, Refusal};
use boarding_csv::{escaped, guarded, is_typographic};
use serde_json::{Value, json};

use crate::query::find;

/// A column of a query's CSV.
#[derive(Debug)]
pub struct Column {
    /// The header.
    pub title: &'static str,
    /// Where its value stands in a row: a JSON pointer.
    pub field: &'static str,
}

/// Who is going to read the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A program: every value as it is.
    Csv,
    /// A person with a spreadsheet, which runs what looks like a formula: such cells begin with `'`.
    /// The file begins with a byte order mark, without which Excel takes UTF-8 for something else.
    Spreadsheet,
}

/// A query's answer as CSV, page by page: the header once, then the lines of each page.
#[derive(Debug, Clone, Copy)]
pub struct Sheet {
    columns: &'static [Column],
    format: Format,
    /// Whether it is a file that may be imported as it is.
    is_imported: bool,
}

impl Sheet {
    /// # Errors
    /// `query.unknown`, and `query.malformed` for a query that is not given as CSV.
    pub fn of(query: &str, format: Format) -> Result<Self, Refusal> {
        let query = find(query)
            .ok_or_else(|| Refusal::new(Code::QueryUnknown).with(json!({ "query": query })))?;
        let columns = query.columns.ok_or_else(|| {
            Refusal::new(Code::QueryMalformed)
                .saying(&format!("format: {} is not given as CSV", query.name))
                .with(json!({"parameter": "format"}))
        })?;
        Ok(Self { columns, format, is_imported: query.name == "users" })
    }

    /// What the file begins with.
    pub fn header(&self) -> Vec<u8> {
        let mark: &[u8] = match self.format {
            Format::Csv => b"",
            Format::Spreadsheet => "\u{feff}".as_bytes(),
        };
        let titles = self.columns.iter().map(|column| column.title.to_owned());
        [mark, &line(titles, b',')].concat()
    }

    /// The lines of these rows, each ended by CR LF (RFC 4180).
    pub fn lines(&self, rows: &[Value]) -> Vec<u8> {
        let cell = |row: &Value, column: &Column| {
            let text = row.pointer(column.field).map(text).unwrap_or_default();
            match self.format {
                Format::Spreadsheet => guarded(text),
                Format::Csv if self.is_imported => escaped(text),
                Format::Csv => text,
            }
        };
        rows.iter()
            .flat_map(|row| line(self.columns.iter().map(|column| cell(row, column)), b','))
            .collect()
    }
}

/// One record, ended by CR LF, that an import reads as it is. Writing to memory cannot fail, and a record of one
/// length each time does not either.
pub fn line(cells: impl Iterator<Item = String>, delimiter: u8) -> Vec<u8> {
    let cells: Vec<String> = cells.collect();
    // Typographic quotes at an edge would be taken for the quotes of the cell, also behind blanks.
    let is_odd = cells.iter().any(|cell| cell.trim_start().starts_with(is_typographic));
    let style = if is_odd { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter)
        .quote_style(style)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let _ = writer.write_record(cells);
    writer.into_inner().unwrap_or_default()
}

/// A value as one cell: nothing for null, `Column: message` for a problem, `; ` between several.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join("; "),
        Value::Object(fields) => match (fields.get("column"), fields.get("message")) {
            (Some(Value::String(column)), Some(message)) => format!("{column}: {}", text(message)),
            (_, Some(message)) => text(message),
            _ => value.to_string(),
        },
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rows: &[Value], format: Format) -> String {
        let sheet = Sheet::of("phone_list", format).unwrap();
        String::from_utf8(sheet.lines(rows)).unwrap()
    }

    fn named(full_name: &str) -> Value {
        json!({"phone": "+84923448071", "user": "ann", "full_name": full_name,
            "channels": {"whatsapp": "linked", "imessage": "not_linked"}, "updated_at": null})
    }

    #[test]
    fn the_integration_log_has_the_columns_of_the_product() {
        let header = Sheet::of("integration_log", Format::Csv).unwrap().header();
        assert_eq!(
            String::from_utf8(header).unwrap(),
            "Username,Email,Organizational Unit,Channel,Status,Reason,Code,Delivery,Attempt,At\r\n"
        );
    }

    #[test]
    fn values_are_quoted_where_rfc_4180_asks_for_it() {
        assert_eq!(
            lines(&[named("Hudson, \"Jane\"\nDr")], Format::Csv),
            "+84923448071,ann,\"Hudson, \"\"Jane\"\"\nDr\",linked,not_linked,\r\n"
        );
    }

    #[test]
    fn n65_a_spreadsheet_is_guarded_and_a_machine_is_not() {
        let dangerous = [
            "=cmd|' /C calc'!A0",
            "@SUM(A1)",
            "-2+3",
            "+1",
            "\tx",
            "\rx",
            "  =1+1",
            "\u{a0}=1",
            "＝1",
            "＋1",
            "－1",
            "＠x",
        ];
        for name in dangerous {
            let cell = |format| {
                let text = lines(&[named(name)], format);
                let mut reader =
                    csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
                reader.records().next().unwrap().unwrap()[2].to_owned()
            };
            assert_eq!(cell(Format::Spreadsheet), format!("'{name}"));
            assert_eq!(cell(Format::Csv), name);
        }
        assert!(lines(&[named("Jane-Anne O'Neil =")], Format::Spreadsheet).contains(",Jane-Anne"));
        assert!(lines(&[named("x")], Format::Spreadsheet).starts_with("'+84923448071,"));
    }

    #[test]
    fn problems_are_one_cell_that_people_can_read() {
        let rows = [json!({"row": 3, "line": 4, "key": null, "outcome": "invalid",
            "problems": [{"column": "Email", "code": "field.required", "message": "Missing."},
                {"column": null, "code": "csv.stray_quote", "message": "Quote."}],
            "warnings": [], "phone": null, "number": null, "invite": null})];
        let sheet = Sheet::of("import_rows", Format::Csv).unwrap();
        assert_eq!(
            String::from_utf8(sheet.lines(&rows)).unwrap(),
            "3,4,,invalid,Email: Missing.; Quote.,,,,,\r\n"
        );
    }

    #[test]
    fn only_the_queries_that_the_contract_names_are_given_as_csv() {
        for name in ["integration_log", "import_rows", "phone_list", "users"] {
            assert!(Sheet::of(name, Format::Csv).is_ok(), "{name}");
        }
        assert_eq!(Sheet::of("runs", Format::Csv).unwrap_err().code, Code::QueryMalformed);
        assert_eq!(Sheet::of("rumours", Format::Csv).unwrap_err().code, Code::QueryUnknown);
    }

    #[test]
    fn a_spreadsheet_file_begins_with_a_byte_order_mark() {
        let header = Sheet::of("phone_list", Format::Spreadsheet).unwrap().header();
        assert!(header.starts_with("\u{feff}Phone Number,".as_bytes()));
    }
}
