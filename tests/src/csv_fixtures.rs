//! Reads each file of `fixtures/csv/<dialect>/` and compares rows and problems with its `.expected` file.
//!
//! `<case>.options` has the options for a file. `UPDATE_FIXTURES=1` rewrites the `.expected` files; review the
//! difference then.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use boarding_commands::dialect::{self, Dialect};
use boarding_commands::user_file::{self, FileError, ParsedRow, ReadOptions, RowValues};
use boarding_csv::{CellValue, Limits, Options};
use serde_json::{Map, Value, json};

use crate::support::paths::fixtures;

/// N01 to N79 as far as a file can show them. The name of each file begins with its ids.
#[test]
fn csv_fixtures_are_read_as_expected() {
    let update = std::env::var_os("UPDATE_FIXTURES").is_some();
    let mut wrong = Vec::new();
    let mut cases = 0;
    for dialect in dialect::ALL {
        for file in files(&fixtures().join("csv").join(dialect.name())) {
            let found = pretty(&outcome(&file, *dialect));
            let expected = file.with_extension("expected");
            if update {
                std::fs::write(&expected, &found).unwrap();
            } else if std::fs::read_to_string(&expected).ok().as_deref() != Some(&found) {
                wrong.push(format!("{}:\n{found}", file.display()));
            }
            cases += 1;
        }
    }
    assert!(wrong.is_empty(), "{} of {cases} differ\n{}", wrong.len(), wrong.join("\n"));
    assert!(cases >= 90, "only {cases} cases were found");
}

/// P31: No message about a row repeats an address or a phone of the row.
#[test]
fn messages_repeat_no_personal_value() {
    for dialect in dialect::ALL {
        for file in files(&fixtures().join("csv").join(dialect.name())) {
            let (options, limits) = (options(&file), Limits::default());
            let bytes = std::fs::read(&file).unwrap();
            let Ok(rows) = user_file::rows(bytes.as_slice(), *dialect, &options, &limits) else {
                continue;
            };
            for row in rows.map_while(Result::ok) {
                // Short cells and plain words may be in a message by chance. A number that a spreadsheet turned into
                // scientific notation has lost its last digits.
                let is_personal = |cell: &&String| {
                    cell.trim().len() > 5 && cell.contains(['@', '+']) && !cell.contains("E+")
                };
                for cell in row.cells.iter().filter(is_personal) {
                    for problem in row.problems.iter().chain(&row.warnings) {
                        assert!(!problem.message.contains(cell.trim()), "{}", file.display());
                    }
                }
            }
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "csv")).collect();
    files.sort();
    files
}

fn options(file: &Path) -> ReadOptions {
    let options: Value = match std::fs::read_to_string(file.with_extension("options")) {
        Ok(text) => serde_json::from_str(&text).unwrap(),
        Err(_) => json!({}),
    };
    let columns = options["columns"].as_object().cloned().unwrap_or_default();
    let csv = Options {
        encoding: options["encoding"].as_str().map(str::to_owned),
        delimiter: options["delimiter"].as_str().and_then(|text| text.chars().next()),
        columns: columns
            .into_iter()
            .map(|(in_file, in_dialect)| (in_file, in_dialect.as_str().unwrap().to_owned()))
            .collect::<BTreeMap<_, _>>(),
        accept_gzip: options["accept_gzip"].as_bool().unwrap_or(true),
        known_columns_only: options["known_columns_only"].as_bool().unwrap_or(false),
        withheld: options["withheld"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect(),
    };
    ReadOptions { csv, assume_plus: options["assume_plus"].as_bool().unwrap_or(false) }
}

fn outcome(file: &Path, dialect: &dyn Dialect) -> Value {
    let bytes = std::fs::read(file).unwrap();
    let (options, limits) = (options(file), Limits::default());
    let summary = match user_file::scan(bytes.as_slice(), dialect, &options, &limits) {
        Ok(summary) => summary,
        Err(FileError::Refused(refusal)) => {
            let (code, message) = (refusal.code, refusal.message);
            return json!({"refused": {"code": code, "message": message, "details": refusal.details}});
        }
        Err(FileError::Io(error)) => panic!("{}: {error}", file.display()),
    };
    let facts = user_file::facts(bytes.as_slice(), dialect, &options, &limits).unwrap();
    let rows = user_file::rows(bytes.as_slice(), dialect, &options, &limits).unwrap();
    let rows = rows.with_facts(facts);
    let header = rows.header().to_vec();
    let rows: Vec<_> = rows.map(|row| row_json(&row.unwrap())).collect();
    assert_eq!(rows.len() as u64, summary.rows, "scan and rows count different numbers of rows");
    let mut read = json!({
        "encoding": summary.encoding,
        "delimiter": summary.delimiter,
        "warnings": summary.warnings,
        "rows": summary.rows,
    });
    put_if_some(&mut read, "notes", summary.ignored.notes);
    put_if_some(&mut read, "blank_rows", summary.ignored.blank);
    json!({"read": read, "header": header, "rows": rows})
}

fn row_json(row: &ParsedRow) -> Value {
    let cells: Vec<_> = row.cells.iter().map(|cell| shortened(cell)).collect();
    let mut shown = json!({
        "row": row.row,
        "line": row.line,
        "cells": cells,
        "values": values(&row.values),
        "problems": row.problems,
        "warnings": row.warnings,
    });
    put_if_some(&mut shown, "lost", row.lost);
    shown
}

/// Adds a count that is not 0, so that the expected files stay small.
fn put_if_some(shown: &mut Value, name: &str, count: u64) {
    if count > 0 {
        shown[name] = json!(count);
    }
}

/// The text of a cell, or the size of a large cell, so that the expected files stay small.
fn shortened(cell: &str) -> String {
    if cell.len() <= 300 { cell.to_owned() } else { format!("({} bytes)", cell.len()) }
}

/// The values of a row as JSON. Absent values are left out, and blank values are null.
fn values(values: &RowValues) -> Value {
    let mut out = Map::new();
    let mut put = |name: &str, given: CellValue<Value>| match given {
        CellValue::Absent => {}
        CellValue::Blank => drop(out.insert(name.to_owned(), Value::Null)),
        CellValue::Value(value) => drop(out.insert(name.to_owned(), value)),
    };
    if let Some(user) = &values.user {
        put("user", CellValue::Value(json!(user.as_str())));
    }
    put("first_name", values.first_name.as_ref().map(|text| json!(text)));
    put("last_name", values.last_name.as_ref().map(|text| json!(text)));
    put("email", values.email.as_ref().map(|text| json!(text)));
    put(
        "phone",
        values.phone.map(|read| read.map_or_else(|code| json!({"code": code}), |p| json!(p))),
    );
    put("number", values.number.as_ref().map(|number| json!(number)));
    put("org_unit", values.org_unit.as_ref().map(|text| json!(text)));
    put("roles", values.roles.as_ref().map(|roles| json!(roles)));
    if let Some(enabled) = values.enabled {
        put("enabled", CellValue::Value(json!(enabled)));
    }
    if values.archived {
        put("archived", CellValue::Value(json!(true)));
    }
    for (name, given) in &values.attributes {
        put(name, given.as_ref().map(|text| json!(text)));
    }
    Value::Object(out)
}

/// Indented JSON in which invisible characters are escaped.
fn pretty(outcome: &Value) -> String {
    let mut out = String::new();
    for c in serde_json::to_string_pretty(outcome).unwrap().chars() {
        match c {
            '\n' | ' '..='~' => out.push(c),
            c if c.is_alphanumeric() => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out += &format!("\\u{unit:04x}");
                }
            }
        }
    }
    out.push('\n');
    out
}
