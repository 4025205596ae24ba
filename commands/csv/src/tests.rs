//! Tests with inputs that no fixture file can hold: huge files, odd bytes, small limits, failing readers.

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

/// A copy of a row: its place in the file, the text of each cell, and the defects of its shape.
#[derive(Debug, PartialEq)]
struct OwnedRow {
    number: u64,
    line: u64,
    cells: Vec<String>,
    defects: RowDefects,
}

/// Reads all rows. Returns the first error instead, if there is one.
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

/// A reader that counts the bytes that were read from it.
struct CountingReader<R> {
    input: R,
    bytes: u64,
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        self.bytes += n as u64;
        Ok(n)
    }
}

/// A reader that returns one byte per read. Before each byte it fails once with `Interrupted`.
struct OneByteReader<'a> {
    bytes: &'a [u8],
    was_interrupted: bool,
}

impl<'a> OneByteReader<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, was_interrupted: false }
    }
}

impl Read for OneByteReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.was_interrupted = !self.was_interrupted;
        if self.was_interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let n = self.bytes.take(1).read(buffer)?;
        self.bytes = &self.bytes[n..];
        Ok(n)
    }
}

/// N18: the line is one gigabyte long.
#[test]
fn open_quote_stops_reading_after_one_mebibyte() {
    let start = Cursor::new(format!("{HEADER}jane,\""));
    let mut input = CountingReader { input: start.chain(repeat(b'a').take(1 << 30)), bytes: 0 };
    let defect = refused(scanned(&mut input));
    assert_eq!((defect.kind, &defect.details["line"]), (DefectKind::RecordTooLarge, &2.into()));
    assert!(input.bytes < 2 * 1024 * 1024, "{} bytes were read", input.bytes);
}

/// N42: a header with too many names is refused before its names are matched, which takes long.
#[test]
fn names_of_too_many_columns_are_not_matched() {
    let limits = Limits { columns: 3, ..Limits::default() };
    for header in ["a,b,c,d", "username,username,b,c"] {
        let text = format!("{header}\n1,2,3,4\n");
        let result = scan(text.as_bytes(), &PLAIN, &Options::default(), &limits);
        assert_eq!(refused(result).kind, DefectKind::TooManyColumns, "{header}");
    }
    // The other delimiter makes too many columns, so it is not suggested.
    let text = "username;a;email;b\n1;2;3;4\n";
    let result = scan(text.as_bytes(), &PLAIN, &Options::default(), &limits);
    assert_eq!(refused(result).kind, DefectKind::MissingHeader);
}

/// N30: another mark than a comma is named, also a wide one, which is no delimiter.
#[test]
fn other_mark_between_columns_is_named() {
    for mark in [";", "\t", "|", "^", ":", "~", "，", "；"] {
        let text = "username,email\nann,ann@acme.example\n".replace(',', mark);
        let defect = refused(scanned(&mut text.as_bytes()));
        let found = if mark == "\t" { "tab" } else { mark };
        assert_eq!(
            (defect.kind, &defect.details["found"]),
            (DefectKind::WrongDelimiter, &found.into())
        );
        let options = Options { delimiter: mark.chars().next(), ..Options::default() };
        let named = scan(text.as_bytes(), &PLAIN, &options, &Limits::default());
        assert_eq!(named.is_ok(), mark.is_ascii(), "{mark}");
    }
}

/// N31, N30: the delimiter that the first line names is said to be wrong only where another one fits better.
#[test]
fn named_delimiter_is_not_found_to_be_wrong_by_itself() {
    let defect = refused(scanned("sep=;\nfoo;email;bar\na;b;c\n".as_bytes()));
    assert_eq!(defect.kind, DefectKind::MissingColumn, "{defect:?}");
    let defect = refused(scanned("sep=;\nusername,email\nann,b\n".as_bytes()));
    assert_eq!((defect.kind, &defect.details["found"]), (DefectKind::WrongDelimiter, &",".into()));
    let words = "the first line of the file names ;, but the columns are separated by ,";
    assert_eq!(defect.words.as_deref(), Some(words));
}

/// N18
#[test]
fn open_quote_over_many_lines_stops_reading_after_one_mebibyte() {
    let lines = "bob,bob@acme.example,\n".repeat(100_000);
    let start = Cursor::new(format!("{HEADER}jane,\"\n{lines}"));
    let mut input = CountingReader { input: start, bytes: 0 };
    assert_eq!(refused(scanned(&mut input)).kind, DefectKind::RecordTooLarge);
    assert!(input.bytes < 2 * 1024 * 1024, "{} bytes were read", input.bytes);
}

/// N42
#[test]
fn five_million_commas_are_too_many_columns() {
    let defect = refused(scanned(Cursor::new(HEADER).chain(repeat(b',').take(5_000_000))));
    assert_eq!((defect.kind, &defect.details["limit"]), (DefectKind::TooManyColumns, &256.into()));
}

#[test]
fn file_above_the_size_limit_is_refused() {
    let limits = Limits { file_bytes: 100, ..Limits::default() };
    let body = HEADER.to_owned() + &"jane,,\n".repeat(100);
    let result = scan(body.as_bytes(), &PLAIN, &Options::default(), &limits);
    assert_eq!(refused(result).kind, DefectKind::FileTooLarge);
}

/// N43, N45
#[test]
fn one_row_too_many_is_refused_with_limit_and_count() {
    let limits = Limits { rows: 3, ..Limits::default() };
    let file = |rows: usize| HEADER.to_owned() + &"jane,,\n\n".repeat(rows);
    let scan_rows = |rows| scan(file(rows).as_bytes(), &PLAIN, &Options::default(), &limits);
    assert_eq!(scan_rows(3).unwrap().rows, 3);
    let defect = refused(scan_rows(4));
    assert_eq!(defect.kind, DefectKind::TooManyRows);
    assert_eq!(defect.details, serde_json::json!({"limit": 3, "actual": 4}));
}

/// N41
#[test]
fn file_with_a_record_above_one_mebibyte_is_refused() {
    let wide = format!("{HEADER}jane,\"{}\",\n", "a".repeat(1024 * 1024));
    assert_eq!(refused(scanned(wide.as_bytes())).kind, DefectKind::RecordTooLarge);
}

#[test]
fn input_failure_is_an_io_error() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    // Scattered numbers compress badly, so the packed text is longer than the cuts below.
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    (0..4000u32).for_each(|n| write!(packed, "{},", n.wrapping_mul(2_654_435_761)).unwrap());
    let packed = packed.finish().unwrap();
    for start in [HEADER.as_bytes(), b"", &packed[..1], &packed[..500], &packed[..10_000]] {
        let options = Options { accept_gzip: true, ..Options::default() };
        match scan(Cursor::new(start).chain(Failing), &PLAIN, &options, &Limits::default()) {
            Err(ReadError::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
            other => panic!("expected an IO error, not {other:?}"),
        }
    }
}

/// N11: a read may end between CR and LF, or within a character.
#[test]
fn rows_are_the_same_when_read_byte_by_byte() {
    let file = "\u{feff}username,first_name\r\njane,\"Zoë\r\n\"\r\rbob,“Bo, b”\n\r\nann,王\u{1a}";
    let whole = parsed(file.as_bytes(), &PLAIN);
    assert_eq!(parsed(OneByteReader::of(file.as_bytes()), &PLAIN), whole);
    let numbers_and_lines: Vec<_> = whole.iter().map(|row| (row.number, row.line)).collect();
    assert_eq!(numbers_and_lines, [(1, 2), (2, 5), (3, 7)]);
}

/// N34, N35: columns that begin with `_` come from an export of this program, and are always allowed.
#[test]
fn unknown_column_is_refused_when_only_known_columns_are_allowed() {
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
fn export_of_refused_rows_is_read_without_warnings() {
    let file = "username,email,phone_number,_row,_column,_code,_reason\njane,,,3,email,x,y\n";
    let summary = scanned(file.as_bytes()).unwrap();
    assert_eq!((summary.rows, summary.warnings), (1, Vec::new()));
}

/// A format with two columns, notes, a limit of two rows, and strict rules for quotes.
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
    let rows = parsed(file.as_bytes(), &STRICT);
    let numbers_and_lines: Vec<_> = rows.iter().map(|row| (row.number, row.line)).collect();
    assert_eq!(numbers_and_lines, [(1, 7), (2, 9)]);
    let longer = format!("{file}c@x.co,\n");
    let result = scan(longer.as_bytes(), &STRICT, &Options::default(), &limits);
    assert_eq!(refused(result).details, serde_json::json!({"limit": 2, "actual": 3}));
}

/// N19, N20
#[test]
fn strict_format_reports_quotes_in_values() {
    let file = "email/login,Enabled\na \"b\" c,\n\"a \"\"b\"\" c\",\n";
    let rows = parsed(file.as_bytes(), &STRICT);
    assert_eq!(rows[0].defects.problems[0].kind, DefectKind::StrayQuote);
    assert_eq!(rows[1].defects.problems, Vec::new());
    assert_eq!(rows[1].defects.warnings[0].kind, DefectKind::QuoteInValue);
}

/// Files of pieces that decoding, line ends and quotes depend on. Random bytes would rarely hold such pieces.
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
    fn any_bytes_are_read_or_refused(bytes in odd_bytes(), has_header in any::<bool>(), accept_gzip in any::<bool>()) {
        let start: &[u8] = if has_header { b"username,email\n" } else { b"" };
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
            // Only a scan refuses a file without rows or with too many.
            prop_assert!(read.len() <= file.len());
        }
    }

    /// P26: a read may end at any byte.
    #[test]
    fn scan_gives_the_same_result_when_read_byte_by_byte(bytes in odd_bytes()) {
        let file = [b"username,email\n", bytes.as_slice()].concat();
        // `ReadError` cannot be compared, so the texts are.
        let text = |result: Result<Scan, ReadError>| format!("{result:?}");
        prop_assert_eq!(text(scanned(OneByteReader::of(&file))), text(scanned(file.as_slice())));
    }
}
