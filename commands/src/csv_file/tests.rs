//! What no fixture file can show: huge and odd inputs, limits, failing readers, other dialects' needs.

use std::io::{self, Cursor, Read, Write as _, repeat};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;
use crate::dialect::{Column, OddQuote};

const HEADER: &str = "username,email,phone_number\n";

fn leapxpert() -> &'static dyn Dialect {
    crate::dialect::find("leapxpert").unwrap()
}

fn scanned<R: Read>(input: R) -> Result<Summary, FileError> {
    scan(input, leapxpert(), &Options::default(), &Limits::default())
}

#[track_caller]
fn refused(result: Result<Summary, FileError>) -> Refusal {
    match result {
        Err(FileError::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, not {other:?}"),
    }
}

fn parsed(input: impl Read, dialect: &dyn Dialect) -> Vec<ParsedRow> {
    let read = rows(input, dialect, &Options::default(), &Limits::default()).unwrap();
    read.map(Result::unwrap).collect()
}

/// Counts what is taken from it.
struct Counted<R>(R, u64);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(buffer)?;
        self.1 += n as u64;
        Ok(n)
    }
}

/// Gives one byte at a time, and is interrupted before each.
struct Drip<'a>(&'a [u8], bool);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let mut one = self.0.take(1);
        let n = one.read(buffer)?;
        self.0 = &self.0[n..];
        Ok(n)
    }
}

#[test]
fn n18_a_gigabyte_behind_an_open_quote_is_given_up_after_a_mebibyte() {
    let start = Cursor::new(format!("{HEADER}jane,\""));
    let mut input = Counted(start.chain(repeat(b'a').take(1 << 30)), 0);
    let refusal = refused(scanned(&mut input));
    assert_eq!((refusal.code, &refusal.details["line"]), (Code::CsvRecordTooLarge, &2.into()));
    assert!(input.1 < 2 * 1024 * 1024, "{} bytes were read", input.1);
}

#[test]
fn n18_a_gigabyte_of_lines_behind_an_open_quote_is_given_up_after_a_mebibyte() {
    let lines = "bob,bob@acme.example,\n".repeat(100_000);
    let mut input = Counted(Cursor::new(format!("{HEADER}jane,\"\n{lines}")), 0);
    assert_eq!(refused(scanned(&mut input)).code, Code::CsvRecordTooLarge);
    assert!(input.1 < 2 * 1024 * 1024, "{} bytes were read", input.1);
}

#[test]
fn n42_five_million_commas_are_too_many_columns() {
    let refusal = refused(scanned(Cursor::new(HEADER).chain(repeat(b',').take(5_000_000))));
    assert_eq!((refusal.code, &refusal.details["limit"]), (Code::CsvTooManyColumns, &256.into()));
}

#[test]
fn a_file_over_its_size_is_too_large() {
    let limits = Limits { file_bytes: 100, ..Limits::default() };
    let body = HEADER.to_owned() + &"jane,,\n".repeat(100);
    let result = scan(body.as_bytes(), leapxpert(), &Options::default(), &limits);
    assert_eq!(refused(result).code, Code::ImportTooLarge);
}

#[test]
fn n43_n45_the_limit_passes_and_one_row_more_refuses_with_both_numbers() {
    let limits = Limits { rows: 3, ..Limits::default() };
    let file = |rows: usize| HEADER.to_owned() + &"jane,,\n\n".repeat(rows);
    let ask = |rows| scan(file(rows).as_bytes(), leapxpert(), &Options::default(), &limits);
    assert_eq!(ask(3).unwrap().rows, 3);
    let refusal = refused(ask(4));
    assert_eq!(refusal.code, Code::ImportTooManyRows);
    assert_eq!(refusal.details, serde_json::json!({"limit": 3, "actual": 4}));
}

/// N45: a million rows are taken of every dialect without a limit of its own, and one more refuses the file
/// with both numbers; neither is held in memory.
#[test]
fn n45_a_million_rows_pass_and_one_more_refuses() {
    for dialect in crate::dialect::ALL.iter().filter(|dialect| dialect.row_limit().is_none()) {
        let columns: Vec<_> = dialect.columns().iter().map(|column| column.name).collect();
        let header = format!("{}\n", columns.join(","));
        let row = format!("a{}\n", ",".repeat(columns.len() - 1));
        let ask = |rows: u64| {
            let bytes = rows * row.len() as u64;
            let rows = Repeated(row.as_bytes(), 0).take(bytes);
            scan(
                Cursor::new(&header).chain(rows),
                *dialect,
                &Options::default(),
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

/// These bytes again and again, and the place in them.
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

#[test]
fn n41_a_record_over_a_mebibyte_refuses_the_file() {
    let wide = format!("{HEADER}jane,\"{}\",\n", "a".repeat(1024 * 1024));
    assert_eq!(refused(scanned(wide.as_bytes())).code, Code::CsvRecordTooLarge);
}

#[test]
fn a_failing_reader_is_a_fault_and_no_refusal() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    (0..4000u32).for_each(|n| write!(packed, "{},", n.wrapping_mul(2_654_435_761)).unwrap());
    let packed = packed.finish().unwrap();
    for start in [HEADER.as_bytes(), b"", &packed[..1], &packed[..500], &packed[..10_000]] {
        let options = Options { accept_gzip: true, ..Options::default() };
        match scan(Cursor::new(start).chain(Failing), leapxpert(), &options, &Limits::default()) {
            Err(FileError::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
            other => panic!("expected a fault, not {other:?}"),
        }
    }
}

/// N11: where the blocks end makes no difference, also between CR and LF and within a character.
#[test]
fn n11_a_dripping_reader_gives_the_same_rows() {
    let file = "\u{feff}username,first_name\r\njane,\"Zoë\r\n\"\r\rbob,“Bo, b”\n\r\nann,王\u{1a}";
    let whole = parsed(file.as_bytes(), leapxpert());
    assert_eq!(parsed(Drip(file.as_bytes(), false), leapxpert()), whole);
    let places: Vec<_> = whole.iter().map(|row| (row.row, row.line)).collect();
    assert_eq!(places, [(1, 2), (2, 5), (3, 7)]);
}

/// N34, N35: where no column may be passed over, one that is not known refuses the file; `_` columns are ours.
#[test]
fn n34_n35_an_unknown_column_refuses_a_file_that_may_hold_no_error() {
    let options = Options { known_columns_only: true, ..Options::default() };
    let strict = |text: &str| scan(text.as_bytes(), leapxpert(), &options, &Limits::default());
    let refusal = refused(strict("username,emial,shoe size\nann,a@b.example,9\n"));
    assert_eq!(refusal.code, Code::CsvUnknownColumn);
    let details = serde_json::json!({
        "columns": ["emial", "shoe size"], "line": 1, "did_you_mean": {"emial": "email"},
    });
    assert_eq!(refusal.details, details);
    assert!(refusal.message.contains("emial, shoe size"), "{}", refusal.message);
    assert_eq!(strict("username,email,_code\nann,a@b.example,x\n").unwrap().rows, 1);
    assert_eq!(scanned(&b"username,shoe size\nann,9\n"[..]).unwrap().rows, 1);
}

#[test]
fn a_file_of_refused_rows_is_taken_again_as_it_is() {
    let file = "username,email,phone_number,_row,_column,_code,_reason\njane,,,3,email,x,y\n";
    let summary = scanned(file.as_bytes()).unwrap();
    assert_eq!((summary.rows, summary.warnings), (1, Vec::new()));
}

/// What the other products need: notes, a limit of their own, strict quotes, states.
#[derive(Debug)]
struct Strict;

const COLUMNS: [Column; 2] = [
    Column { name: "email/login", aliases: &[], required: true, example: "jane@example.invalid" },
    Column { name: "Enabled", aliases: &[], required: false, example: "TRUE" },
];

impl Dialect for Strict {
    fn name(&self) -> &'static str {
        "strict"
    }
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }
    fn read(&self, cells: &mut Cells<'_>) -> RowValues {
        RowValues { user: cells.key(0), enabled: cells.enabled(1), ..RowValues::default() }
    }
    fn row_limit(&self) -> Option<u64> {
        Some(2)
    }
    fn is_note(&self, cells: &mut dyn Iterator<Item = &str>) -> bool {
        cells.next().is_some_and(|cell| cell.starts_with("Note"))
    }
    fn stray_quote(&self) -> OddQuote {
        OddQuote::Problem
    }
    fn quote_in_value(&self) -> OddQuote {
        OddQuote::Warning
    }
}

#[test]
fn n39_n44_notes_and_blank_rows_are_passed_over_and_do_not_count() {
    let file = "Note: read\n\n\"Note: a\nb\",\nemail_login,enabled\nNote,x\na@x.co,\n,\nb@x.co,\n";
    let limits = Limits::default();
    let summary = scan(file.as_bytes(), &Strict, &Options::default(), &limits).unwrap();
    let codes: Vec<_> = summary.warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(summary.rows, 2);
    assert_eq!(codes, [Code::CsvBlankRowIgnored, Code::CsvNoteRowIgnored]);
    let places: Vec<_> = parsed(file.as_bytes(), &Strict).iter().map(|r| (r.row, r.line)).collect();
    assert_eq!(places, [(1, 7), (2, 9)]);
    let longer = format!("{file}c@x.co,\n");
    let result = scan(longer.as_bytes(), &Strict, &Options::default(), &limits);
    assert_eq!(refused(result).details, serde_json::json!({"limit": 2, "actual": 3}));
}

#[test]
fn n19_n20_a_dialect_may_be_strict_about_quotes() {
    let file = "email/login,Enabled\na \"b\" c,\n\"a \"\"b\"\" c\",\n";
    let rows = parsed(file.as_bytes(), &Strict);
    assert_eq!(rows[0].problems[0].code, Code::CsvStrayQuote);
    assert_eq!(rows[1].problems, Vec::new());
    assert_eq!(rows[1].warnings[0].code, Code::CsvQuoteInValue);
}

#[test]
fn n67_n68_enabled_is_true_false_or_blank() {
    for (cell, enabled) in
        [("true", Some(true)), ("True ", Some(true)), ("FALSE", Some(false)), ("", None)]
    {
        let rows = parsed(format!("email/login,Enabled\na,{cell}\n").as_bytes(), &Strict);
        assert_eq!((rows[0].values.enabled, rows[0].problems.len()), (enabled, 0), "{cell}");
    }
    for cell in ["1", "yes", "DELETED", "TRUE?"] {
        let rows = parsed(format!("email/login,Enabled\na,{cell}\n").as_bytes(), &Strict);
        assert_eq!(rows[0].problems[0].code, Code::FieldNotAllowed, "{cell}");
        assert!(rows[0].problems[0].message.contains("TRUE, FALSE or blank"));
    }
    assert_eq!(parsed(&b"email/login\na\n"[..], &Strict)[0].values.enabled, None);
}

/// N29: a control character is told as one, also where only a few words may stand.
#[test]
fn n29_a_control_character_in_a_word_is_told_as_one() {
    let rows = parsed(&b"email/login,Enabled\na,TRUE\x07\n"[..], &Strict);
    assert_eq!(rows[0].problems[0].code, Code::FieldControlCharacter);
}

/// N53: what is too long to be an address is no address.
#[test]
fn n53_a_key_with_an_at_sign_is_judged_as_an_address_at_any_length() {
    let office = crate::dialect::find("officechat").unwrap();
    for (local, code) in [(242, Code::FieldInvalidEmail), (243, Code::FieldInvalidEmail)] {
        let text = format!("email/login\n{}@example.com\n", "a".repeat(local));
        assert_eq!(parsed(text.as_bytes(), office)[0].problems[0].code, code, "{local}");
    }
    let text = format!("email/login\n{}\n", "a".repeat(255));
    assert_eq!(parsed(text.as_bytes(), office)[0].problems[0].code, Code::FieldLength);
}

#[test]
fn debug_never_shows_a_cell() {
    let row = &parsed(&b"username,email\njane,jane@acme.example\n"[..], leapxpert())[0];
    assert!(!format!("{row:?}{:?}", row.values).contains("jane"));
}

/// Pieces that hit the seams between the machines, more often than bytes by chance do.
fn nasty() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            &b"username"[..],
            b",",
            b"\"",
            b"\"\"",
            b"\n",
            b"\r",
            b"\r\n",
            b"email",
            b"a@x.co",
            b" ",
            b";",
            b"\t",
            b"\0",
            b"\x1a",
            b"\xef\xbb\xbf",
            b"\xff\xfe",
            b"\x1f\x8b",
            "“".as_bytes(),
            "”".as_bytes(),
            "»".as_bytes(),
            b"\xc2",
            b"\xe2\x80",
            "\u{200b}".as_bytes(),
            "+84923448071".as_bytes(),
        ])
        .prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// P26: whatever the bytes, reading ends without panic, and both readings agree.
    #[test]
    fn p26_any_bytes_are_read_or_refused(bytes in nasty(), headed in any::<bool>(), accept_gzip in any::<bool>()) {
        let start: &[u8] = if headed { b"username,email\n" } else { b"" };
        let file = [start, &bytes].concat();
        let options = Options { accept_gzip, ..Options::default() };
        let limits = Limits { field_bytes: 16, record_bytes: 64, columns: 6, ..Limits::default() };
        let scanned = scan(file.as_slice(), leapxpert(), &options, &limits);
        let read = rows(file.as_slice(), leapxpert(), &options, &limits);
        if let Ok(summary) = scanned {
            let read: Vec<_> = read.unwrap().map(Result::unwrap).collect();
            prop_assert_eq!(read.len() as u64, summary.rows);
            prop_assert!(read.iter().zip(1..).all(|(row, n)| row.row == n));
            prop_assert!(read.windows(2).all(|pair| pair[0].line < pair[1].line));
        } else if let Ok(read) = read {
            prop_assert!(read.count() <= file.len());
        }
    }

    /// P26: blocks that end anywhere change nothing.
    #[test]
    fn p26_dripping_bytes_read_the_same(bytes in nasty()) {
        let file = [b"username,email\n", bytes.as_slice()].concat();
        let say = |result: Result<Summary, FileError>| format!("{result:?}");
        prop_assert_eq!(say(scanned(Drip(&file, false))), say(scanned(file.as_slice())));
    }
}
