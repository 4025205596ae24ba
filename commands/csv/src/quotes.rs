//! Replaces typographic quotes around values by plain ones, line by line.

/// Quotes that word processors write instead of plain ones.
const TYPOGRAPHIC: &[char] = &[
    '\u{201c}', '\u{201d}', '\u{201e}', '\u{201f}', '\u{2033}', '\u{2036}', '\u{ff02}', '\u{ab}',
    '\u{bb}', '\u{301d}', '\u{301e}', '\u{301f}', '\u{275d}', '\u{275e}',
];

/// Whether word processors write this quote instead of a plain one. If it stands around a value, it is read as a plain
/// quote. Inside a value in plain quotes it is kept.
pub fn is_typographic(c: char) -> bool {
    TYPOGRAPHIC.contains(&c)
}

/// Opening quotes with their closing quotes. All other quotes are used on both sides of a value.
const PAIRS: [(&str, &str); 2] = [("\u{201c}", "\u{201d}"), ("\u{ab}", "\u{bb}")];

/// A plain quote within a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OddQuote {
    /// A single `"`, which RFC 4180 does not allow. It is kept.
    Stray,
    /// A `""` within a quoted value. It means one quote.
    Doubled,
}

/// The text with plain quotes around its values.
///
/// * RFC 4180 text with plain quotes stays unchanged. A second call changes nothing.
/// * A typographic quote becomes a plain one at the beginning of a field that also ends with a quote on the same
///   line. Within a value it is kept.
/// * Blanks before an opening quote are removed. Otherwise CSV readers would read the quote as part of the value.
pub fn normalise(text: &str, delimiter: u8) -> String {
    let mut normaliser = Normaliser::new(delimiter);
    let mut out = Vec::with_capacity(text.len());
    for line in text.split_inclusive(['\r', '\n']) {
        let bare = line.trim_end_matches(['\r', '\n']);
        if !normaliser.is_open() {
            normaliser.begin();
        }
        normaliser.line(bare.as_bytes(), &mut out);
        out.extend_from_slice(line.get(bare.len()..).unwrap_or_default().as_bytes());
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The state between two lines, and the fields and quotes of the record so far.
#[derive(Debug)]
pub(crate) struct Normaliser {
    delimiter: u8,
    /// Whether a plain quote is open.
    open: bool,
    /// The line of the last opening quote, counted from the first line of the record.
    opened_on: u64,
    /// The number of lines of the record so far.
    lines: u64,
    fields: usize,
    quotes: Vec<(usize, OddQuote)>,
    replaced: u64,
}

impl Normaliser {
    pub(crate) fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            open: false,
            opened_on: 0,
            lines: 0,
            fields: 0,
            quotes: Vec::new(),
            replaced: 0,
        }
    }

    /// Begins a record.
    pub(crate) fn begin(&mut self) {
        self.open = false;
        self.lines = 0;
        self.fields = 0;
        self.quotes.clear();
    }

    /// Whether the record continues on the next line.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// The line of the last opening quote, counted from the first line of the record, which is 0.
    pub(crate) fn opened_on(&self) -> u64 {
        self.opened_on
    }

    pub(crate) fn fields(&self) -> usize {
        self.fields
    }

    /// The odd quotes of the record, each with its field, from 0. Equal quotes of one field are listed once.
    pub(crate) fn quotes(&self) -> &[(usize, OddQuote)] {
        &self.quotes
    }

    /// The number of replaced typographic quotes since the beginning of the file.
    pub(crate) fn replaced(&self) -> u64 {
        self.replaced
    }

    /// Appends one line to `out`, with plain quotes around its values. The line has no line break.
    pub(crate) fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        // Nearly every line has no quote at all, and stays as it is.
        if !self.open && line.is_ascii() && !line.contains(&b'"') {
            self.fields += 1 + line.iter().filter(|byte| **byte == self.delimiter).count();
            self.lines += 1;
            out.extend_from_slice(line);
            return;
        }
        let mut at =
            if self.open { self.rest_of_quoted(line, 0, out) } else { self.field(line, 0, out) };
        while !self.open && at < line.len() {
            out.push(self.delimiter);
            at = self.field(line, at + 1, out);
        }
        self.lines += 1;
    }

    /// Reads a field that begins at `at`. Returns the position of the delimiter after it.
    fn field(&mut self, line: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
        self.fields += 1;
        let first = self.skip_blanks(line, at);
        match line.get(first) {
            Some(b'"') => {
                out.push(b'"');
                self.open = true;
                self.opened_on = self.lines;
                return self.rest_of_quoted(line, first + 1, out);
            }
            Some(byte) if !byte.is_ascii() => {
                if let Some(end) = self.typographic(line, first, out) {
                    return end;
                }
            }
            _ => {}
        }
        self.unquoted(line, at, out)
    }

    fn unquoted(&mut self, line: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
        let rest = line.get(at..).unwrap_or_default();
        let len = rest.iter().position(|&b| b == self.delimiter).unwrap_or(rest.len());
        let value = rest.get(..len).unwrap_or_default();
        if value.contains(&b'"') {
            self.add_odd(OddQuote::Stray);
        }
        out.extend_from_slice(value);
        at + len
    }

    /// Reads the rest of a field in plain quotes, to its delimiter or the end of the line. Returns that position.
    fn rest_of_quoted(&mut self, line: &[u8], mut at: usize, out: &mut Vec<u8>) -> usize {
        loop {
            let rest = line.get(at..).unwrap_or_default();
            let Some(quote) = rest.iter().position(|&b| b == b'"') else {
                out.extend_from_slice(rest);
                return line.len();
            };
            out.extend_from_slice(rest.get(..=quote).unwrap_or_default());
            at += quote + 1;
            if line.get(at) != Some(&b'"') {
                break;
            }
            out.push(b'"');
            at += 1;
            self.add_odd(OddQuote::Doubled);
        }
        self.open = false;
        let after = self.skip_blanks(line, at);
        if self.is_end(line, after) {
            return after;
        }
        // Text after the closing quote is part of the value, as in `"Ops" team`.
        self.add_odd(OddQuote::Stray);
        self.unquoted(line, at, out)
    }

    /// Reads a field in typographic quotes. Returns the position after it, or none for any other field.
    fn typographic(&mut self, line: &[u8], first: usize, out: &mut Vec<u8>) -> Option<usize> {
        let opening = typographic_at(line, first)?;
        let inside = first + opening;
        let (close, closing, end) = self.closing(line, first, inside)?;
        out.push(b'"');
        for &byte in line.get(inside..close).unwrap_or_default() {
            if byte == b'"' {
                out.push(b'"');
                self.add_odd(OddQuote::Doubled);
            }
            out.push(byte);
        }
        out.push(b'"');
        self.replaced += if closing > 1 { 2 } else { 1 };
        Some(end)
    }

    /// The closing quote of a field: its position, its length, and the end of the field.
    ///
    /// It is the first quote, of any kind, after which the field ends. There is none if another quoted field
    /// begins before it, or if the opening quote was closed before it, as in `“Ops” team`.
    fn closing(&self, line: &[u8], first: usize, mut at: usize) -> Option<(usize, usize, usize)> {
        let opening = line.get(first..at)?;
        let pair = PAIRS.iter().find(|(left, _)| left.as_bytes() == opening);
        let mut depth = 1;
        while let Some(&byte) = line.get(at) {
            if byte == self.delimiter {
                let next = self.skip_blanks(line, at + 1);
                // The next field is quoted, so the first quote of this field is an ordinary character.
                if quote_at(line, next).is_some() {
                    return None;
                }
            } else if let Some(len) = quote_at(line, at) {
                let end = self.skip_blanks(line, at + len);
                if self.is_end(line, end) {
                    return Some((at, len, end));
                }
                if let Some((left, right)) = pair {
                    let quote = line.get(at..at + len)?;
                    depth += i32::from(quote == left.as_bytes());
                    depth -= i32::from(quote == right.as_bytes());
                    if depth == 0 {
                        return None;
                    }
                }
            }
            at += 1;
        }
        None
    }

    fn is_end(&self, line: &[u8], at: usize) -> bool {
        line.get(at).is_none_or(|&byte| byte == self.delimiter)
    }

    /// The position after the blanks: spaces, tabs and no-break spaces. The delimiter is no blank, even if it is a tab.
    fn skip_blanks(&self, line: &[u8], mut at: usize) -> usize {
        loop {
            match line.get(at) {
                Some(&byte) if byte == self.delimiter => return at,
                Some(b' ' | b'\t') => at += 1,
                Some(0xc2) if line.get(at + 1) == Some(&0xa0) => at += 2,
                _ => return at,
            }
        }
    }

    fn add_odd(&mut self, quote: OddQuote) {
        let seen = (self.fields.saturating_sub(1), quote);
        if self.quotes.last() != Some(&seen) {
            self.quotes.push(seen);
        }
    }
}

/// The length of the plain or typographic quote at this position, in bytes.
fn quote_at(line: &[u8], at: usize) -> Option<usize> {
    if line.get(at) == Some(&b'"') { Some(1) } else { typographic_at(line, at) }
}

fn typographic_at(line: &[u8], at: usize) -> Option<usize> {
    let len = match line.get(at)? {
        0xc2 => 2,
        0xe2 | 0xe3 | 0xef => 3,
        _ => return None,
    };
    let text = std::str::from_utf8(line.get(at..at + len)?).ok()?;
    text.starts_with(TYPOGRAPHIC).then_some(len)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn becomes(text: &str, expected: &str) {
        assert_eq!(normalise(text, b','), expected);
    }

    /// N22: a value in typographic quotes is read as a value in plain quotes.
    #[test]
    fn typographic_quotes_around_a_value_become_plain_quotes() {
        becomes("“name”,”firstname”", "\"name\",\"firstname\"");
        becomes("”(+91)1234123411″, “TRUE”", "\"(+91)1234123411\",\"TRUE\"");
        becomes("＂a＂,«b»,”” ,„c“", "\"a\",\"b\",\"\",\"c\"");
        becomes("“Will “Bill” Smith”,x", "\"Will “Bill” Smith\",x");
        becomes("“Smith, Will”,x", "\"Smith, Will\",x");
        becomes("“say \"hi\" now”", "\"say \"\"hi\"\" now\"");
    }

    /// N23: typographic quotes inside a value are part of the value.
    #[test]
    fn typographic_quotes_inside_a_value_are_kept() {
        for text in [
            "Head of “Ops” team,5″",
            "\"say “hi”\",x",
            "“Ops” team,“Berlin” office",
            "“Ops” team,5″,x",
            "\"Head of “Ops”, Berlin\",x",
            "“never closed,x",
        ] {
            becomes(text, text);
        }
    }

    #[test]
    fn a_quote_after_blanks_opens_a_field() {
        becomes("a, \"b\"\u{a0},\t“c”", "a,\"b\",\"c\"");
    }

    /// P24: text with plain quotes stays the same, byte for byte.
    #[test]
    fn plain_text_passes_unchanged() {
        let text = "a,\"b \"\"c\"\"\",\"d\r\ne\nf\"\r\n,,\r\n\"\",x\r\n";
        becomes(text, text);
    }

    /// Fields of RFC 4180: text without quotes, or any text in quotes with each quote in it doubled.
    fn rfc4180() -> impl Strategy<Value = String> {
        let bare = "[ !#-+\\--~]{0,6}";
        let quoted = "[ -~\r\n]{0,8}".prop_map(|s| format!("\"{}\"", s.replace('"', "\"\"")));
        let field = prop_oneof![bare, quoted];
        let record = prop::collection::vec(field, 1..5).prop_map(|fields| fields.join(","));
        prop::collection::vec(record, 0..5).prop_map(|records| records.join("\r\n"))
    }

    proptest! {
        /// P24: any CSV of ASCII characters by RFC 4180 stays the same.
        #[test]
        fn ascii_csv_passes_unchanged(text in rfc4180()) {
            prop_assert_eq!(normalise(&text, b','), text);
        }

        /// P24: a second pass changes nothing.
        #[test]
        fn normalising_twice_gives_the_same_as_normalising_once(text in "[ab,\"“”″« \t\u{a0}\r\n]{0,40}") {
            let once = normalise(&text, b',');
            prop_assert_eq!(normalise(&once, b','), once);
        }
    }
}
