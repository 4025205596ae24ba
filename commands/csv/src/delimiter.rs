//! Finds the delimiter of a file that was read with another one.

use crate::defect::{Defect, DefectKind};
use crate::header::ColumnNames;
use crate::options::{Limits, Options};
use crate::record::Records;
use crate::text::Text;

/// What spreadsheets write instead of commas, with the word for messages.
const OTHERS: [(u8, &str); 3] = [(b';', ";"), (b'\t', "tab"), (b'|', "|")];
/// How many records are compared: enough to see whether each has as many fields as the first.
const RECORDS: usize = 50;

/// The byte of the caller's delimiter; a comma if there is none.
pub(crate) fn byte(delimiter: Option<char>) -> Result<u8, Defect> {
    let Some(delimiter) = delimiter else { return Ok(b',') };
    match u8::try_from(delimiter) {
        Ok(b'\t') => Ok(b'\t'),
        Ok(byte) if byte.is_ascii_punctuation() && byte != b'"' => Ok(byte),
        _ => Err(Defect::new(DefectKind::WrongDelimiter)
            .saying("a delimiter is one ASCII punctuation mark or a tab")),
    }
}

/// The word for a delimiter that fits the beginning of the file better than a comma does.
pub(crate) fn other(head: &[u8], names: &ColumnNames, limits: &Limits) -> Option<&'static str> {
    let comma = score(head, b',', names, limits);
    let best = OTHERS.map(|(byte, words)| (score(head, byte, names, limits), words));
    let (score, words) = best.into_iter().max_by_key(|(score, _)| *score)?;
    (score > comma).then_some(words)
}

/// How well a delimiter fits: the known names in the first record, then the fields of each record if all are equal.
///
/// A file of one column gives no delimiter a score for its fields.
fn score(head: &[u8], delimiter: u8, names: &ColumnNames, limits: &Limits) -> (usize, usize) {
    let Ok(text) = Text::open(head, &Options::default(), limits) else { return (0, 0) };
    let mut records = Records::new(text, delimiter, limits);
    let (mut known, mut fields, mut equal, mut seen) = (0, 0, 0, 0);
    while seen < RECORDS && matches!(records.advance(), Ok(true)) {
        let record = records.record();
        if record.is_blank() {
            continue;
        }
        if seen == 0 {
            known = record.cells().filter(|cell| names.find(cell).is_some()).count();
            fields = record.len();
        }
        equal += usize::from(record.len() == fields);
        seen += 1;
    }
    let even = fields > 1 && seen > 1 && equal == seen;
    (known, if even { fields } else { 0 })
}
