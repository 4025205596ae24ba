//! CSV export of query rows: values unchanged for programs, formula-safe for spreadsheets.

use boarding_csv::{escaped, guarded, is_typographic, joined_list};
use serde_json::Value;

/// The separators at which an import splits a cell into items. An item that contains a separator is
/// quoted.
const LIST_SEPARATORS: &[char] = &[';', '|'];

/// A column of a CSV export.
#[derive(Debug)]
pub struct ExportColumn {
    /// The column's name in the header line.
    pub title: &'static str,
    /// A JSON pointer to the value in a row.
    pub field: &'static str,
}

/// The columns of a query's CSV export.
#[derive(Debug, Clone, Copy)]
pub struct CsvLayout {
    columns: &'static [ExportColumn],
    importable: bool,
    /// The field that shows `-` in place of null, as the product does.
    dashed: Option<&'static str>,
}

impl CsvLayout {
    /// A report for people and programs.
    pub const fn report(columns: &'static [ExportColumn]) -> Self {
        Self { columns, importable: false, dashed: None }
    }

    /// A file that an import accepts as it is: cells are escaped as an import expects.
    pub const fn importable(columns: &'static [ExportColumn]) -> Self {
        Self { columns, importable: true, dashed: None }
    }

    /// Shows `-` where this field is null.
    pub const fn with_dash(self, field: &'static str) -> Self {
        Self { dashed: Some(field), ..self }
    }
}

/// The kind of reader that the file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CsvFormat {
    /// A program: values are unchanged.
    Csv,
    /// A spreadsheet, which runs cells that look like formulas: such cells get a leading `'`.
    /// The file starts with a byte order mark, because Excel misreads UTF-8 without one.
    Spreadsheet,
}

/// A CSV export, written page by page: the header once, then the lines of each page.
#[derive(Debug, Clone, Copy)]
pub struct CsvExport {
    layout: CsvLayout,
    format: CsvFormat,
}

impl CsvExport {
    pub fn new(layout: CsvLayout, format: CsvFormat) -> Self {
        Self { layout, format }
    }

    /// The header line, after a byte order mark for a spreadsheet.
    pub fn header(&self) -> Vec<u8> {
        let mark: &[u8] = match self.format {
            CsvFormat::Csv => b"",
            CsvFormat::Spreadsheet => "\u{feff}".as_bytes(),
        };
        let titles = self.layout.columns.iter().map(|column| column.title.to_owned());
        [mark, &csv_line(titles, b',')].concat()
    }

    /// One line for each row, each ended by CR LF (RFC 4180).
    pub fn lines(&self, rows: &[Value]) -> Vec<u8> {
        rows.iter()
            .flat_map(|row| {
                let cells = self.layout.columns.iter().map(|column| self.cell(row, column));
                csv_line(cells, b',')
            })
            .collect()
    }

    fn cell(&self, row: &Value, column: &ExportColumn) -> String {
        let value = row.pointer(column.field);
        let text = match value {
            Some(Value::Null) if self.layout.dashed == Some(column.field) => "-".to_owned(),
            // An import of the file must split the cell into the same items.
            Some(Value::Array(items)) if self.layout.importable => {
                joined_list(items.iter().filter_map(Value::as_str), LIST_SEPARATORS)
            }
            value => value.map(text).unwrap_or_default(),
        };
        match self.format {
            CsvFormat::Spreadsheet => guarded(text),
            CsvFormat::Csv if self.layout.importable => escaped(text),
            CsvFormat::Csv => text,
        }
    }
}

/// One line of a CSV file, ended by CR LF. An import reads the cells back unchanged.
pub fn csv_line(cells: impl Iterator<Item = String>, delimiter: u8) -> Vec<u8> {
    let cells: Vec<String> = cells.collect();
    // An import treats a typographic quote at the start of a cell as a CSV quote, also after
    // blanks. Plain quotes around every cell keep it as text.
    let has_typographic = cells.iter().any(|cell| cell.trim_start().starts_with(is_typographic));
    let style = if has_typographic { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter)
        .quote_style(style)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    // Neither call can fail: the target is memory, and a single record has no other length to
    // match.
    let _ = writer.write_record(cells);
    writer.into_inner().unwrap_or_default()
}

/// The text of one cell. Null is empty, a problem is `Column: message`, a list is joined by `; `.
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
    use crate::find_query;
    use crate::testing::csv_export;
    use boarding_commands::values::Code;
    use serde_json::json;

    fn lines(rows: &[Value], format: CsvFormat) -> String {
        let export = csv_export("phone_list", format);
        String::from_utf8(export.lines(rows)).unwrap()
    }

    fn named(full_name: &str) -> Value {
        json!({"phone": "+84923448071", "user": "ann", "full_name": full_name,
            "channels": {"whatsapp": "linked", "imessage": "not_linked"}, "updated_at": null})
    }

    #[test]
    fn integration_log_has_the_columns_of_the_product() {
        let header = csv_export("integration_log", CsvFormat::Csv).header();
        assert_eq!(
            String::from_utf8(header).unwrap(),
            "Username,Email,Organizational Unit,Channel,Status,Reason,Code,Delivery,Attempt,At\r\n"
        );
    }

    #[test]
    fn values_are_quoted_where_rfc_4180_requires_it() {
        assert_eq!(
            lines(&[named("Hudson, \"Jane\"\nDr")], CsvFormat::Csv),
            "+84923448071,ann,\"Hudson, \"\"Jane\"\"\nDr\",linked,not_linked,\r\n"
        );
    }

    /// N65.
    #[test]
    fn only_spreadsheet_cells_are_guarded_against_formulas() {
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
            assert_eq!(cell(CsvFormat::Spreadsheet), format!("'{name}"));
            assert_eq!(cell(CsvFormat::Csv), name);
        }
        assert!(
            lines(&[named("Jane-Anne O'Neil =")], CsvFormat::Spreadsheet).contains(",Jane-Anne")
        );
        assert!(lines(&[named("x")], CsvFormat::Spreadsheet).starts_with("'+84923448071,"));
    }

    #[test]
    fn problems_are_one_readable_cell() {
        let rows = [json!({"row": 3, "line": 4, "key": null, "outcome": "invalid",
            "problems": [{"column": "Email", "code": "field.required", "message": "Missing."},
                {"column": null, "code": "csv.stray_quote", "message": "Quote."}],
            "warnings": [], "phone": null, "number": null, "invite": null})];
        let export = csv_export("import_rows", CsvFormat::Csv);
        assert_eq!(
            String::from_utf8(export.lines(&rows)).unwrap(),
            "3,4,,invalid,Email: Missing.; Quote.,,,,,\r\n"
        );
    }

    #[test]
    fn only_queries_with_a_layout_have_csv_exports() {
        for name in ["integration_log", "import_rows", "phone_list", "users", "runs"] {
            assert!(find_query(name).unwrap().csv_export(CsvFormat::Csv).is_ok(), "{name}");
        }
        assert_eq!(
            find_query("queue").unwrap().csv_export(CsvFormat::Csv).unwrap_err().code,
            Code::QueryMalformed
        );
        assert_eq!(find_query("no_such_query").unwrap_err().code, Code::QueryUnknown);
    }

    #[test]
    fn spreadsheet_file_starts_with_a_byte_order_mark() {
        let header = csv_export("phone_list", CsvFormat::Spreadsheet).header();
        assert!(header.starts_with("\u{feff}Phone Number,".as_bytes()));
    }
}
