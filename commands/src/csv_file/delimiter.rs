//! Which delimiter a file has, when it is not the one it was read with.

use super::header::Names;
use super::options::{Limits, Options};
use super::record::Records;
use super::text::Text;
use crate::code::{Code, Refusal};

/// What people's spreadsheets write instead of commas, with the words for each.
const OTHERS: [(u8, &str); 3] = [(b';', ";"), (b'\t', "tab"), (b'|', "|")];
/// How many records are looked at: enough to see that their fields are equally many.
const RECORDS: usize = 50;

/// The delimiter that was asked for, as the byte it must be.
pub(super) fn asked(delimiter: Option<char>) -> Result<u8, Refusal> {
    let Some(delimiter) = delimiter else { return Ok(b',') };
    match u8::try_from(delimiter) {
        Ok(b'\t') => Ok(b'\t'),
        Ok(byte) if byte.is_ascii_punctuation() && byte != b'"' => Ok(byte),
        _ => Err(Refusal::new(Code::CsvWrongDelimiter)
            .saying("a delimiter is one ASCII punctuation mark or a tab")),
    }
}

/// The words for another delimiter than a comma, if the beginning of the file speaks for it.
pub(super) fn other(head: &[u8], names: &Names, limits: &Limits) -> Option<&'static str> {
    let comma = score(head, b',', names, limits);
    let best = OTHERS.map(|(byte, words)| (score(head, byte, names, limits), words));
    let (score, words) = best.into_iter().max_by_key(|(score, _)| *score)?;
    (score > comma).then_some(words)
}

/// How well a delimiter fits: known names in the first record, then whether all have as many fields.
/// A file of one column says nothing for any.
fn score(head: &[u8], delimiter: u8, names: &Names, limits: &Limits) -> (usize, usize) {
    let Ok(text) = Text::open(head, &Options::default(), limits) else { return (0, 0) };
    let mut records = Records::new(text, delimiter, limits);
    let (mut known, mut fields, mut alike, mut seen) = (0, 0, 0, 0);
    while seen < RECORDS && matches!(records.advance(), Ok(true)) {
        let record = records.record();
        if record.is_blank() {
            continue;
        }
        if seen == 0 {
            known = record.cells().filter(|cell| names.find(cell).is_some()).count();
            fields = record.len();
        }
        alike += usize::from(record.len() == fields);
        seen += 1;
    }
    let even = fields > 1 && seen > 1 && alike == seen;
    (known, if even { fields } else { 0 })
}
