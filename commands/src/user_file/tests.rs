//! Values that several dialects read alike, and limits that hold for each dialect.

use std::io::{self, Cursor, Read};

use boarding_csv::{Limits, Reader};

use super::read::read_values;
use super::*;
use crate::dialect;
use crate::values::{Code, Refusal};

#[track_caller]
fn refused(result: Result<FileSummary, FileError>) -> Refusal {
    match result {
        Err(FileError::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, not {other:?}"),
    }
}

fn parsed(input: impl Read, dialect: &str) -> Vec<ParsedRow> {
    let dialect = dialect::find(dialect).unwrap();
    let read = rows(input, dialect, &ReadOptions::default(), &Limits::default()).unwrap();
    read.map(Result::unwrap).collect()
}

fn with_facts(text: &str, dialect: &str) -> Vec<ParsedRow> {
    let dialect = dialect::find(dialect).unwrap();
    let (options, limits) = (ReadOptions::default(), Limits::default());
    let facts = facts(text.as_bytes(), dialect, &options, &limits).unwrap();
    let rows = rows(text.as_bytes(), dialect, &options, &limits).unwrap().with_facts(facts);
    rows.map(Result::unwrap).collect()
}

/// N45: for each dialect without a row limit. The refusal has both numbers, and no file is held in memory.
#[test]
fn a_million_rows_pass_and_one_more_is_refused() {
    for dialect in dialect::ALL.iter().filter(|one| one.format().row_limit.is_none()) {
        let columns: Vec<_> = dialect.format().columns.iter().map(|column| column.name).collect();
        let header = format!("{}\n", columns.join(","));
        let row = format!("a{}\n", ",".repeat(columns.len() - 1));
        let ask = |rows: u64| {
            let bytes = rows * row.len() as u64;
            let rows = Repeated(row.as_bytes(), 0).take(bytes);
            scan(
                Cursor::new(&header).chain(rows),
                *dialect,
                &ReadOptions::default(),
                &Limits::default(),
            )
        };
        assert_eq!(ask(1_000_000).unwrap().rows, 1_000_000, "{}", dialect.name());
        let refusal = refused(ask(1_000_001));
        assert_eq!(refusal.code, Code::ImportTooManyRows, "{}", dialect.name());
        let both = serde_json::json!({"limit": 1_000_000, "actual": 1_000_001});
        assert_eq!(refusal.details, both, "{}", dialect.name());
    }
}

/// A reader that repeats these bytes; the second field is the position in them.
struct Repeated<'a>(&'a [u8], usize);

impl Read for Repeated<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for byte in buffer.iter_mut() {
            *byte = self.0[self.1];
            self.1 = (self.1 + 1) % self.0.len();
        }
        Ok(buffer.len())
    }
}

/// N67, N68
#[test]
fn enabled_is_true_false_or_blank() {
    for (cell, enabled) in
        [("true", Some(true)), ("True ", Some(true)), ("FALSE", Some(false)), ("", None)]
    {
        let rows = parsed(format!("email/login,Enabled\na,{cell}\n").as_bytes(), "officechat");
        assert_eq!((rows[0].values.enabled, rows[0].problems.len()), (enabled, 0), "{cell}");
    }
    for cell in ["1", "yes", "DELETED", "TRUE?"] {
        let rows = parsed(format!("email/login,Enabled\na,{cell}\n").as_bytes(), "officechat");
        assert_eq!(rows[0].problems[0].code, Code::FieldNotAllowed, "{cell}");
        assert!(rows[0].problems[0].message.contains("TRUE, FALSE or blank"));
    }
    assert_eq!(parsed(&b"email/login\na\n"[..], "officechat")[0].values.enabled, None);
}

/// A42, N46: a row of a repeated key knows the earlier rows and the columns that differ.
#[test]
fn row_is_compared_with_earlier_rows_of_its_key() {
    let text = "username,first_name,role\nkim,Kim,A\nlea,Lea,A\n Kim ,Kim,B\nkim,Kim,A\n";
    let rows = with_facts(text, "leapxpert");
    let same = |row: &ParsedRow| {
        row.same_key.iter().map(|one| (one.line, one.differing.clone())).collect::<Vec<_>>()
    };
    assert_eq!(same(&rows[0]), []);
    assert_eq!(same(&rows[1]), []);
    assert_eq!(same(&rows[2]), [(2, vec!["username", "role"])]);
    assert_eq!(same(&rows[3]), [(2, vec![]), (4, vec!["username", "role"])]);
}

/// P14: a key of a hundred thousand rows is compared with few of them.
#[test]
fn comparing_rows_of_one_key_is_bounded() {
    let text = format!("username\n{}", "kim\n".repeat(1_000));
    let rows = with_facts(&text, "leapxpert");
    assert!(rows.iter().all(|row| row.same_key.len() <= 8));
}

/// N29
#[test]
fn control_character_in_a_fixed_word_is_a_problem() {
    let rows = parsed(&b"email/login,Enabled\na,TRUE\x07\n"[..], "officechat");
    assert_eq!(rows[0].problems[0].code, Code::FieldControlCharacter);
}

/// N53
#[test]
fn key_with_an_at_sign_is_validated_as_address() {
    for (local, code) in [(242, Code::FieldInvalidEmail), (243, Code::FieldInvalidEmail)] {
        let text = format!("email/login\n{}@example.com\n", "a".repeat(local));
        assert_eq!(parsed(text.as_bytes(), "officechat")[0].problems[0].code, code, "{local}");
    }
    let text = format!("email/login\n{}\n", "a".repeat(255));
    assert_eq!(parsed(text.as_bytes(), "officechat")[0].problems[0].code, Code::FieldLength);
}

#[test]
fn debug_never_shows_a_cell() {
    let row = &parsed(&b"username,email\njane,jane@acme.example\n"[..], "leapxpert")[0];
    assert!(!format!("{row:?}{:?}", row.values).contains("jane"));
}

/// The row is good nevertheless.
#[test]
fn spreadsheet_error_in_an_optional_cell_is_lost() {
    let text = "username,first_name,email\nann,#N/A,ann@acme.example\n";
    let row = parsed(text.as_bytes(), "leapxpert").remove(0);
    assert_eq!((row.problems.len(), row.lost), (0, 1));
    let [warning] = row.warnings.as_slice() else { panic!("{:?}", row.warnings) };
    assert_eq!(warning.code, Code::TextSpreadsheetError);
    assert_eq!(warning.column.as_deref(), Some("first_name"));
    assert!(warning.message.contains("#N/A"));
}

#[test]
fn phone_that_is_none_is_a_lost_cell() {
    let text = "username,email,phone_number\nann,ann@acme.example,none\nbob,bob@acme.example,+84923448071\n";
    let rows = parsed(text.as_bytes(), "leapxpert");
    assert_eq!((rows[0].lost, rows[1].lost), (1, 0));
    assert!(rows[0].problems.is_empty() && rows[0].warnings.len() == 1);
}

#[test]
fn too_large_row_keeps_only_its_place_and_key() {
    let text = "username,first_name,email\nann,#N/A,ann@acme.example\n";
    let row = parsed(text.as_bytes(), "leapxpert").remove(0);
    let large = row.clone().as_too_large();
    assert_eq!((large.row, large.line, &large.cells), (row.row, row.line, &row.cells));
    let values = RowValues { user: row.values.user, ..RowValues::default() };
    assert_eq!((&large.values, large.lost, large.warnings.len()), (&values, 0, 0));
    assert_eq!(large.problems[0].code, Code::CsvRecordTooLarge);
    assert!(large.same_key.is_empty() && large.problems.len() == 1);
}

#[test]
fn file_has_its_own_names_of_the_columns() {
    let text = "Login Name,Surname\nann,Lee\n";
    let dialect = dialect::find("leapxpert").unwrap();
    let read = rows(text.as_bytes(), dialect, &ReadOptions::default(), &Limits::default()).unwrap();
    assert_eq!(read.header(), ["Login Name", "Surname"]);
    assert_eq!((read.own_name("last_name"), read.own_name("email")), (Some("Surname"), None));
}

#[test]
fn failed_read_of_a_file_is_no_refusal() {
    use std::error::Error as _;
    let failed = FileError::from(io::Error::other("gone"));
    assert_eq!(failed.to_string(), "reading the file");
    assert_eq!(failed.source().map(ToString::to_string).as_deref(), Some("gone"));
    let refused = FileError::Refused(Code::ImportEmptyFile.into());
    assert!(refused.to_string().starts_with("import.empty_file: ") && refused.source().is_none());
}

/// Problems or warnings, each with its code and message.
type Said = Vec<(Code, String)>;

/// The problems and the warnings of a row with this text in one column.
fn said_of(column: &str, text: &str) -> (Said, Said) {
    let name = if column == "username" { "email" } else { "username" };
    let cell = text.replace('"', "\"\"");
    let value = if name == "email" { "ann@acme.example" } else { "ann" };
    let file = format!("{name},{column}\n{value},\"{cell}\"\n");
    let row = parsed(file.as_bytes(), "leapxpert").remove(0);
    let said = |list: Vec<crate::values::Problem>| -> Said {
        list.into_iter().map(|one| (one.code, one.message)).collect()
    };
    (said(row.problems), said(row.warnings))
}

#[test]
fn damaged_cell_has_a_warning_and_is_kept() {
    for (text, code) in [
        ("NULL", Code::TextNullWord),
        ("JosÃ©", Code::TextLooksDoubleEncoded),
        ("P?rez", Code::TextReplacementCharacter),
        ("p\u{430}ul", Code::FieldMixedScript),
        ("www.acme.com", Code::NameLooksLikeLink),
    ] {
        let (problems, warnings) = said_of("first_name", text);
        assert!(problems.is_empty(), "{text}: {problems:?}");
        let codes: Vec<_> = warnings.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, [code], "{text}");
    }
}

#[test]
fn cell_that_cannot_be_kept_is_a_problem() {
    let long = "x".repeat(300);
    for (column, text, code, words) in [
        ("username", "NULL", Code::TextNullWord, "The key is NULL"),
        ("username", "1.23457E+11", Code::KeyScientificNotation, "1.23457E+11"),
        ("username", "#REF!", Code::TextSpreadsheetError, "#REF!"),
        ("username", "\\N", Code::FieldRequired, ""),
        ("first_name", long.as_str(), Code::FieldLength, "1 to "),
        ("first_name", "a\u{1b}$b", Code::FieldControlCharacter, "iso-2022-jp"),
        ("first_name", "a\u{1b}(b", Code::FieldControlCharacter, "iso-2022-jp"),
        ("first_name", "a\u{7}b", Code::FieldControlCharacter, ""),
        ("phone_number", "\u{7}", Code::FieldControlCharacter, ""),
        ("role", "User\nAdmin", Code::FieldControlCharacter, "separate several values with ;"),
    ] {
        let (problems, _) = said_of(column, text);
        let [(found, message)] = problems.as_slice() else { panic!("{text:?}: {problems:?}") };
        assert!(*found == code && message.contains(words), "{text:?}: {found} {message}");
    }
}

/// A text that may be the number or the address of a person is not repeated.
#[test]
fn short_harmless_text_that_is_no_phone_is_shown() {
    let long = "none ".repeat(12);
    for (text, code, is_shown) in [
        ("8.4923E+10", Code::PhoneScientificNotation, true),
        ("unknown", Code::PhoneInvalid, true),
        ("ann@acme.example", Code::PhoneInvalid, false),
        ("+unknown", Code::PhoneInvalid, false),
        (long.trim(), Code::PhoneInvalid, false),
    ] {
        let (problems, warnings) = said_of("phone_number", text);
        let [(found, message)] = warnings.as_slice() else { panic!("{text}: {warnings:?}") };
        assert!(problems.is_empty() && *found == code, "{text}: {found}");
        assert_eq!(message.contains(text), is_shown, "{text}: {message}");
    }
}

#[test]
fn facts_of_two_parts_are_those_of_the_file() {
    let text = "email/login,Enabled,Manager\nkim,FALSE,\nlea,,kim\nＫim,,\nKIM,TRUE,\n\
        max@x.example,,lea\npam,,max@x.example\n";
    let dialect = dialect::find("officechat").unwrap();
    let (options, limits) = (ReadOptions::default(), Limits::default());
    let read = |facts| {
        let rows = rows(text.as_bytes(), dialect, &options, &limits).unwrap().with_facts(facts);
        rows.map(Result::unwrap).collect::<Vec<_>>()
    };
    let part = |is_odd: bool| {
        facts_of(text.as_bytes(), dialect, &options, &limits, |row| (row % 2 == 1) == is_odd)
            .unwrap()
    };
    let whole = read(facts(text.as_bytes(), dialect, &options, &limits).unwrap());
    assert!(whole.iter().any(|row| !row.warnings.is_empty()));
    assert!(whole.iter().any(|row| !row.same_key.is_empty()));
    let of_file = |row: &ParsedRow| row.values.manager.as_ref().map(|other| other.in_file);
    let managers: Vec<_> = whole.iter().map(of_file).collect();
    assert_eq!(managers, [None, Some(false), None, None, Some(true), Some(true)]);
    for parts in [part(true).with(part(false)), part(false).with(part(true))] {
        assert!(read(parts.finish()) == whole);
    }
}

#[test]
fn row_is_valid_whether_or_not_warnings_are_looked_for() {
    let text = "username,first_name,email\nann,#N/A,ann@x.example\n#N/A,Bob,bob@x.example\nNULL,Cid,\n\
        dee,JosÃ©,none\neve,www.evil.example,eve@x.example\nfаy,Fay,fay@x.example\nTotal: 6,,\ngil,G\x07il,\n";
    let dialect = dialect::find("leapxpert").unwrap();
    let options = boarding_csv::Options::default();
    let mut reader =
        Reader::open(text.as_bytes(), dialect.format(), &options, &Limits::default()).unwrap();
    let (mut valid, mut warned) = (Vec::new(), Vec::new());
    while reader.advance().unwrap() {
        let found = |mut cells: Cells<'_>| {
            read_values(&reader, dialect, &mut cells);
            cells.into_problems()
        };
        let all = found(Cells::new(reader.row(), false));
        let problems = found(Cells::new(reader.row(), false).without_warnings()).problems;
        assert_eq!(problems.is_empty(), all.problems.is_empty(), "row {}", reader.row_number());
        valid.push(problems.is_empty());
        warned.push(!all.warnings.is_empty());
    }
    assert_eq!(valid, [true, false, false, false, true, true, false, false]);
    assert_eq!(warned, [true, false, false, true, true, true, false, false]);
}
