//! Values that several dialects read alike, and limits that hold for each dialect.

use std::io::{self, Cursor, Read};

use boarding_csv::Limits;

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
