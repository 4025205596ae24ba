//! Finds the delimiter of a file whose columns are not separated by commas.

use crate::column_names::ColumnNames;
use crate::defect::{Defect, DefectKind};
use crate::options::{Limits, Options};
use crate::record::{Record, Records};
use crate::text::Text;

/// The delimiters that programs write, each with its name in messages. Of two that fit alike, the later one is found.
const USUAL: [(u8, &str); 7] =
    [(b'~', "~"), (b':', ":"), (b'^', "^"), (b',', ","), (b';', ";"), (b'\t', "tab"), (b'|', "|")];
/// Wide marks that are typed in place of a comma. They are no delimiters: they stand in names as well.
const WIDE: [&str; 3] = ["，", "；", "、"];
/// The most records that are compared. They are enough to see whether all have as many fields as the first.
const RECORDS_MAX: usize = 50;

/// The byte of the caller's delimiter; a comma if the caller names none.
///
/// # Errors
/// `WrongDelimiter` for any other character than ASCII punctuation or a tab, and for a quote.
fn byte(delimiter: Option<char>) -> Result<u8, Defect> {
    let Some(delimiter) = delimiter else { return Ok(b',') };
    match u8::try_from(delimiter) {
        Ok(b'\t') => Ok(b'\t'),
        Ok(byte) if byte.is_ascii_punctuation() && byte != b'"' => Ok(byte),
        _ => Err(Defect::new(DefectKind::WrongDelimiter)
            .saying("a delimiter is one ASCII punctuation mark or a tab")),
    }
}

/// The delimiter to read a file with: the caller's, else the one that the file names, else a comma.
pub(crate) fn chosen(asked: Option<char>, named: Option<u8>) -> Result<u8, Defect> {
    match (asked, named) {
        (None, Some(named)) => Ok(named),
        (asked, _) => byte(asked),
    }
}

/// The name of a delimiter in messages.
pub(crate) fn name(delimiter: u8) -> String {
    let usual = USUAL.iter().find(|(byte, _)| *byte == delimiter);
    usual.map_or_else(|| char::from(delimiter).to_string(), |(_, name)| (*name).to_owned())
}

/// The delimiter that fits the start of the file best, with its name. None if no other one fits better than the one
/// with which the file was read.
pub(crate) fn other(
    head: &[u8],
    used: u8,
    names: &ColumnNames,
    limits: &Limits,
) -> Option<(u8, &'static str)> {
    let before = score(head, used, names, limits);
    let others = USUAL.into_iter().filter(|(byte, _)| *byte != used);
    let scores = others.map(|one| (score(head, one.0, names, limits), one));
    let (best, found) = scores.max_by_key(|(score, _)| *score)?;
    (best > before).then_some(found)
}

/// The wide mark that separates the columns in place of a comma.
pub(crate) fn wide(head: &[u8], names: &ColumnNames, limits: &Limits) -> Option<&'static str> {
    let text = std::str::from_utf8(head).ok()?;
    let knows = |mark: &str| score(text.replace(mark, ",").as_bytes(), b',', names, limits).0;
    let before = score(head, b',', names, limits).0;
    let found = WIDE.into_iter().map(|mark| (knows(mark), mark));
    let (best, mark) = found.max_by_key(|(known, _)| *known)?;
    (best > before).then_some(mark)
}

/// The first record that is not blank, with this delimiter.
pub(crate) fn first_record(head: &[u8], delimiter: u8, limits: &Limits) -> Option<Record> {
    let text = Text::open(head, &Options::default(), limits).ok()?;
    let mut records = Records::new(text, delimiter, limits);
    while matches!(records.advance(), Ok(true)) {
        if !records.record().is_blank() {
            return Some(records.record().clone());
        }
    }
    None
}

/// How well a delimiter fits: first the number of known names in the first record, then the number of fields.
///
/// The fields count only if at least two records were compared, and all have the same number of fields, above one.
/// A delimiter that makes too many columns fits worst.
fn score(head: &[u8], delimiter: u8, names: &ColumnNames, limits: &Limits) -> (usize, usize) {
    let Ok(text) = Text::open(head, &Options::default(), limits) else { return (0, 0) };
    let mut records = Records::new(text, delimiter, limits);
    let (mut known, mut fields, mut equal, mut compared) = (0, 0, 0, 0);
    while compared < RECORDS_MAX && matches!(records.advance(), Ok(true)) {
        let record = records.record();
        if record.is_blank() {
            continue;
        }
        if compared == 0 {
            if record.has_more_than(limits.columns) {
                return (0, 0);
            }
            known = record.cells().filter(|cell| names.knows(cell)).count();
            fields = record.len();
        }
        equal += usize::from(record.len() == fields);
        compared += 1;
    }
    let is_regular = fields > 1 && compared > 1 && equal == compared;
    (known, if is_regular { fields } else { 0 })
}
