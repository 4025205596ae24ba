//! What no fixture file can show: huge and odd inputs, limits, failing readers.

use std::io::{self, Cursor, Read, Write as _, repeat};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

const HEADER: &str = "username,email,phone_number\n";

const fn column(name: &'static str, required: bool) -> Column {
    Column { name, aliases: &[], required, example: "" }
}

static PLAIN: FileFormat = FileFormat::new(&[
    column("username", true),
    column("first_name", false),
    column("email", false),
    column("phone_number", false),
]);

/// A row with the text of each cell and the defects of its shape.
#[derive(Debug, PartialEq)]
struct OwnedRow {
    number: u64,
    line: u64,
    cells: Vec<String>,
    defects: RowDefects,
}

/// Every row up to the end or the first error.
fn read(
    input: impl Read,
    format: &'static FileFormat,
    options: &Options,
    limits: &Limits,
) -> Result<Vec<OwnedRow>, ReadError> {
    let mut reader = Reader::open(input, format, options, limits)?;
    let mut rows = Vec::new();
    while reader.advance()? {
        let row = reader.row();
        let cells = row.cells().map(str::to_owned).collect();
        let (number, line) = (reader.row_number(), row.line());
        rows.push(OwnedRow { number, line, cells, defects: reader.row_defects() });
    }
    Ok(rows)
}

fn scanned<R: Read>(input: R) -> Result<Scan, ReadError> {
    scan(input, &PLAIN, &Options::default(), &Limits::default())
}

#[track_caller]
fn refused(result: Result<Scan, ReadError>) -> Defect {
    match result {
        Err(ReadError::Defect(defect)) => defect,
        other => panic!("expected a defect, not {other:?}"),
    }
}

fn parsed(input: impl Read, format: &'static FileFormat) -> Vec<OwnedRow> {
    read(input, format, &Options::default(), &Limits::default()).unwrap()
}

/// Counts the bytes that are read from it.
struct Counted<R>(R, u64);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(buffer)?;
        self.1 += n as u64;
        Ok(n)
    }
}

/// Returns one byte per read, and an interruption before each.
struct OneByOne<'a>(&'a [u8], bool);

impl Read for OneByOne<'_> {
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

/// N18: one line of a gigabyte.
#[test]
fn an_open_quote_ends_reading_after_one_mebibyte() {
    let start = Cursor::new(format!("{HEADER}jane,\""));
    let mut input = Counted(start.chain(repeat(b'a').take(1 << 30)), 0);
    let defect = refused(scanned(&mut input));
    assert_eq!((defect.kind, &defect.details["line"]), (DefectKind::RecordTooLarge, &2.into()));
    assert!(input.1 < 2 * 1024 * 1024, "{} bytes were read", input.1);
}

/// N18
#[test]
fn an_open_quote_over_many_lines_ends_after_one_mebibyte() {
    let lines = "bob,bob@acme.example,\n".repeat(100_000);
    let mut input = Counted(Cursor::new(format!("{HEADER}jane,\"\n{lines}")), 0);
    assert_eq!(refused(scanned(&mut input)).kind, DefectKind::RecordTooLarge);
    assert!(input.1 < 2 * 1024 * 1024, "{} bytes were read", input.1);
}

/// N42
#[test]
fn five_million_commas_are_too_many_columns() {
    let defect = refused(scanned(Cursor::new(HEADER).chain(repeat(b',').take(5_000_000))));
    assert_eq!((defect.kind, &defect.details["limit"]), (DefectKind::TooManyColumns, &256.into()));
}

#[test]
fn a_file_over_its_size_is_too_large() {
    let limits = Limits { file_bytes: 100, ..Limits::default() };
    let body = HEADER.to_owned() + &"jane,,\n".repeat(100);
    let result = scan(body.as_bytes(), &PLAIN, &Options::default(), &limits);
    assert_eq!(refused(result).kind, DefectKind::FileTooLarge);
}

/// N43, N45
#[test]
fn one_row_above_the_limit_is_refused_with_both_numbers() {
    let limits = Limits { rows: 3, ..Limits::default() };
    let file = |rows: usize| HEADER.to_owned() + &"jane,,\n\n".repeat(rows);
    let ask = |rows| scan(file(rows).as_bytes(), &PLAIN, &Options::default(), &limits);
    assert_eq!(ask(3).unwrap().rows, 3);
    let defect = refused(ask(4));
    assert_eq!(defect.kind, DefectKind::TooManyRows);
    assert_eq!(defect.details, serde_json::json!({"limit": 3, "actual": 4}));
}

/// N41
#[test]
fn a_record_above_one_mebibyte_refuses_the_file() {
    let wide = format!("{HEADER}jane,\"{}\",\n", "a".repeat(1024 * 1024));
    assert_eq!(refused(scanned(wide.as_bytes())).kind, DefectKind::RecordTooLarge);
}

#[test]
fn a_failing_reader_is_an_error_and_not_a_defect() {
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
        match scan(Cursor::new(start).chain(Failing), &PLAIN, &options, &Limits::default()) {
            Err(ReadError::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
            other => panic!("expected a fault, not {other:?}"),
        }
    }
}

/// N11: a block may end between CR and LF, or within a character.
#[test]
fn block_ends_do_not_change_the_rows() {
    let file = "\u{feff}username,first_name\r\njane,\"Zoë\r\n\"\r\rbob,“Bo, b”\n\r\nann,王\u{1a}";
    let whole = parsed(file.as_bytes(), &PLAIN);
    assert_eq!(parsed(OneByOne(file.as_bytes(), false), &PLAIN), whole);
    let places: Vec<_> = whole.iter().map(|row| (row.number, row.line)).collect();
    assert_eq!(places, [(1, 2), (2, 5), (3, 7)]);
}

/// N34, N35: columns that begin with `_` are our own, and always allowed.
#[test]
fn unknown_column_refuses_when_only_known_ones_are_allowed() {
    let options = Options { known_columns_only: true, ..Options::default() };
    let strict = |text: &str| scan(text.as_bytes(), &PLAIN, &options, &Limits::default());
    let defect = refused(strict("username,emial,shoe size\nann,a@b.example,9\n"));
    assert_eq!(defect.kind, DefectKind::UnknownColumns);
    let details = serde_json::json!({
        "columns": ["emial", "shoe size"], "line": 1, "did_you_mean": {"emial": "email"},
    });
    assert_eq!(defect.details, details);
    assert_eq!(defect.words.as_deref(), Some("emial, shoe size"));
    assert_eq!(strict("username,email,_code\nann,a@b.example,x\n").unwrap().rows, 1);
    assert_eq!(scanned(&b"username,shoe size\nann,9\n"[..]).unwrap().rows, 1);
}

#[test]
fn an_export_of_refused_rows_is_read_without_warnings() {
    let file = "username,email,phone_number,_row,_column,_code,_reason\njane,,,3,email,x,y\n";
    let summary = scanned(file.as_bytes()).unwrap();
    assert_eq!((summary.rows, summary.warnings), (1, Vec::new()));
}

/// Two columns, notes, a row limit of two, strict quotes.
static STRICT: FileFormat = FileFormat {
    row_limit: Some(2),
    stray_quote: QuoteRule::Problem,
    quote_in_value: QuoteRule::Warning,
    notes: Some(NoteRows {
        looks_like_note: |cells| cells.next().is_some_and(|cell| cell.starts_with("Note")),
        is_data: |_| false,
    }),
    ..FileFormat::new(&[column("email/login", true), column("Enabled", false)])
};

/// N39, N44
#[test]
fn notes_and_blank_rows_are_skipped_and_not_counted() {
    let file = "Note: read\n\n\"Note: a\nb\",\nemail_login,enabled\nNote,x\na@x.co,\n,\nb@x.co,\n";
    let limits = Limits::default();
    let summary = scan(file.as_bytes(), &STRICT, &Options::default(), &limits).unwrap();
    let codes: Vec<_> = summary.warnings.iter().map(|warning| warning.kind).collect();
    assert_eq!(summary.rows, 2);
    assert_eq!(codes, [DefectKind::BlankRowIgnored, DefectKind::NoteRowIgnored]);
    let places: Vec<_> =
        parsed(file.as_bytes(), &STRICT).iter().map(|r| (r.number, r.line)).collect();
    assert_eq!(places, [(1, 7), (2, 9)]);
    let longer = format!("{file}c@x.co,\n");
    let result = scan(longer.as_bytes(), &STRICT, &Options::default(), &limits);
    assert_eq!(refused(result).details, serde_json::json!({"limit": 2, "actual": 3}));
}

/// N19, N20
#[test]
fn a_format_may_be_strict_about_quotes() {
    let file = "email/login,Enabled\na \"b\" c,\n\"a \"\"b\"\" c\",\n";
    let rows = parsed(file.as_bytes(), &STRICT);
    assert_eq!(rows[0].defects.problems[0].kind, DefectKind::StrayQuote);
    assert_eq!(rows[1].defects.problems, Vec::new());
    assert_eq!(rows[1].defects.warnings[0].kind, DefectKind::QuoteInValue);
}

/// Pieces that meet the borders between decoding, lines and quotes more often than random bytes do.
fn odd_bytes() -> impl Strategy<Value = Vec<u8>> {
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
    /// P26: any bytes are read without a panic, and scan and reader agree.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in odd_bytes(), headed in any::<bool>(), accept_gzip in any::<bool>()) {
        let start: &[u8] = if headed { b"username,email\n" } else { b"" };
        let file = [start, &bytes].concat();
        let options = Options { accept_gzip, ..Options::default() };
        let limits = Limits { field_bytes: 16, record_bytes: 64, columns: 6, ..Limits::default() };
        let scanned = scan(file.as_slice(), &PLAIN, &options, &limits);
        let read = read(file.as_slice(), &PLAIN, &options, &limits);
        if let Ok(summary) = scanned {
            let read = read.unwrap();
            prop_assert_eq!(read.len() as u64, summary.rows);
            prop_assert!(read.iter().zip(1..).all(|(row, n)| row.number == n));
            prop_assert!(read.windows(2).all(|pair| pair[0].line < pair[1].line));
        } else if let Ok(read) = read {
            prop_assert!(read.len() <= file.len());
        }
    }

    /// P26: a block may end at any byte.
    #[test]
    fn block_ends_do_not_change_the_result_of_a_scan(bytes in odd_bytes()) {
        let file = [b"username,email\n", bytes.as_slice()].concat();
        let say = |result: Result<Scan, ReadError>| format!("{result:?}");
        prop_assert_eq!(say(scanned(OneByOne(&file, false))), say(scanned(file.as_slice())));
    }
}
