//! First lines that describe the file itself: the delimiter, the version of a template.

use crate::characters::trim;
use crate::record::Record;

/// The delimiter that the first line names, as Excel writes it: `sep=;`.
///
/// Quotes and blanks around the line are ignored. A line with any other text names no delimiter.
pub(crate) fn delimiter(head: &[u8]) -> Option<u8> {
    let end = head.iter().position(|&b| b == b'\n' || b == b'\r').unwrap_or(head.len());
    let line = std::str::from_utf8(head.get(..end)?).ok()?.trim_matches(['"', ' ']);
    let (word, rest) = line.split_once('=')?;
    let &[delimiter] = rest.trim_matches('"').as_bytes() else { return None };
    let is_delimiter = delimiter == b'\t' || delimiter.is_ascii_punctuation();
    (word.eq_ignore_ascii_case("sep") && is_delimiter).then_some(delimiter)
}

/// The text after its first line.
pub(crate) fn after_first_line(head: &[u8]) -> &[u8] {
    let is_break = |b: &u8| *b == b'\n' || *b == b'\r';
    let end = head.iter().position(is_break).unwrap_or(head.len());
    let rest = head.get(end..).unwrap_or_default();
    // After CR LF, the LF stays as an empty line. Empty lines are no records.
    rest.strip_prefix(b"\r").unwrap_or(rest)
}

/// Whether a record names the version of a template, as Entra writes it: `version:v1.0`.
pub(crate) fn is_version(record: &Record) -> bool {
    let mut cells = record.cells().map(trim);
    let first = cells.next().unwrap_or_default();
    let word = first.get(..8).unwrap_or_default();
    word.eq_ignore_ascii_case("version:") && cells.all(str::is_empty)
}

#[cfg(test)]
mod tests {
    /// N31
    #[test]
    fn only_a_sep_line_names_the_delimiter() {
        for (head, delimiter) in [
            ("sep=;\r\nusername;email\r\n", Some(b';')),
            ("SEP=,\n", Some(b',')),
            ("\"sep=;\"\n", Some(b';')),
            ("sep=\t\n", Some(b'\t')),
            ("sep=\n", None),
            ("sep=;;\n", None),
            ("sep=a\n", None),
            ("username;email\n", None),
        ] {
            assert_eq!(super::delimiter(head.as_bytes()), delimiter, "{head:?}");
        }
    }
}
