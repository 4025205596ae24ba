//! Suggests encodings for files that are not UTF-8, and detects wrongly decoded text.

use std::sync::LazyLock;

use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GBK, IBM866, ISO_8859_2, KOI8_R, MACINTOSH, SHIFT_JIS,
    WINDOWS_874, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253, WINDOWS_1254,
    WINDOWS_1255, WINDOWS_1256, WINDOWS_1257, WINDOWS_1258,
};

/// The encodings that spreadsheets and old programs write, the most usual first. Encodings that fit
/// equally well keep this order.
static CANDIDATES: [&Encoding; 20] = [
    WINDOWS_1252,
    WINDOWS_1250,
    ISO_8859_2,
    WINDOWS_1251,
    EUC_KR,
    SHIFT_JIS,
    GBK,
    BIG5,
    EUC_JP,
    KOI8_R,
    IBM866,
    WINDOWS_1253,
    WINDOWS_1254,
    WINDOWS_1255,
    WINDOWS_1256,
    WINDOWS_1257,
    WINDOWS_1258,
    WINDOWS_874,
    MACINTOSH,
    encoding_rs::ISO_8859_15,
];
/// The most encodings that one hint names.
const NAMED_MAX: usize = 6;
/// The most cells that are decoded, to bound the time.
const CELLS_MAX: usize = 200;
/// The longest text of a cell that a message shows, in characters.
const SHOWN_CHARS_MAX: usize = 40;

/// Vowels of Cyrillic and Greek.
const VOWELS: &str = "аеёиоуыэюяіїєαεηιουωάέήίόύώϊϋΐΰ";
/// The most consecutive consonants in an ordinary name.
const CONSONANTS_MAX: usize = 3;

/// An encoding that turns the file into words of one script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) encoding: &'static str,
    /// The decoded text of the first cell that is not ASCII, shortened.
    pub(crate) shown: String,
}

/// A group of letters that words are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Hebrew,
    Arabic,
    Thai,
    /// Chinese characters and the Japanese syllables.
    Han,
    Hangul,
}

/// The encodings that the file may have, the most plausible first.
///
/// `sample` begins with a cell that is not in UTF-8.
pub(crate) fn plausible(sample: &[u8]) -> Vec<Reading> {
    let cells: Vec<&[u8]> = cells(sample).filter(|cell| !cell.is_ascii()).take(CELLS_MAX).collect();
    let Some(first) = cells.first() else { return Vec::new() };
    let mut readings: Vec<(u32, Reading)> = CANDIDATES
        .iter()
        .filter_map(|encoding| {
            let oddity = oddity(encoding, &cells)?;
            let text = decoded(encoding, first)?;
            let shown = text.trim().chars().take(SHOWN_CHARS_MAX).collect();
            Some((oddity, Reading { encoding: encoding.name(), shown }))
        })
        .collect();
    // The sort is stable: among equally odd readings, the most usual encoding comes first.
    readings.sort_by_key(|(oddity, _)| *oddity);
    readings.into_iter().map(|(_, reading)| reading).take(NAMED_MAX).collect()
}

/// The cells of a sample. No candidate encoding uses the byte of a separator within a letter.
fn cells(sample: &[u8]) -> impl Iterator<Item = &[u8]> {
    sample.split(|b| matches!(b, b',' | b';' | b'\t' | b'\r' | b'\n' | b'"'))
}

fn decoded(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
    Some(text.into_owned())
}

/// How odd the cells look in an encoding, 0 for ordinary words. None if the cells are not words of
/// one script.
fn oddity(encoding: &'static Encoding, cells: &[&[u8]]) -> Option<u32> {
    let mut script = None;
    let mut oddity = 0;
    for cell in cells {
        let text = decoded(encoding, cell)?;
        for word in text.split(|c: char| is_between_words(c)).filter(|word| !word.is_ascii()) {
            let word_script = script_of_word(word)?;
            if *script.get_or_insert(word_script) != word_script {
                return None;
            }
            oddity += oddity_of_word(word, word_script);
        }
        if characters_are_rare(encoding, cell) {
            oddity += 1;
        }
    }
    script.map(|_| oddity)
}

/// The script of a word. None if the word mixes scripts, or has a character that is no letter.
fn script_of_word(word: &str) -> Option<Script> {
    let mut script = None;
    for c in word.chars() {
        let char_script = if c.is_ascii_alphabetic() { Script::Latin } else { script_of(c)? };
        if *script.get_or_insert(char_script) != char_script {
            return None;
        }
    }
    script
}

fn script_of(c: char) -> Option<Script> {
    Some(match u32::from(c) {
        0xc0..=0xd6 | 0xd8..=0xf6 | 0xf8..=0x24f | 0x300..=0x36f | 0x1e00..=0x1eff => Script::Latin,
        0x386..=0x3ff => Script::Greek,
        0x400..=0x52f => Script::Cyrillic,
        0x591..=0x5f4 => Script::Hebrew,
        0x620..=0x6ff => Script::Arabic,
        0xe01..=0xe5b => Script::Thai,
        0x3005 | 0x3041..=0x30ff | 0x3400..=0x9fff | 0xff66..=0xff9f => Script::Han,
        0xac00..=0xd7a3 => Script::Hangul,
        _ => return None,
    })
}

fn is_between_words(c: char) -> bool {
    c.is_whitespace()
        || (c.is_ascii() && !c.is_ascii_alphabetic())
        || matches!(c, '’' | '‘' | '–' | '·' | '・' | '　' | 'º' | 'ª' | '°')
}

/// How unusual a word is, 0 for an ordinary word.
///
/// Odd are capitals after small letters, mostly accented letters, half-width syllables and rare
/// letters. Odd are also more consonants in a row than people can say.
fn oddity_of_word(word: &str, script: Script) -> u32 {
    let letters: Vec<char> = word.chars().collect();
    let is_mixed = letters.windows(2).any(|pair| match pair {
        [a, b] => a.is_lowercase() && b.is_uppercase(),
        _ => false,
    });
    let accents = letters.iter().filter(|c| !c.is_ascii()).count();
    let mostly_accents = script == Script::Latin && accents > 2 && 2 * accents > letters.len();
    let half_width = letters.iter().any(|c| matches!(u32::from(*c), 0xff66..=0xff9f));
    let has_rare_letters = script == Script::Latin && letters.iter().any(|c| "ÐðÞþ×÷".contains(*c));
    let consonants = letters
        .split(|c| VOWELS.contains(c.to_lowercase().next().unwrap_or(*c)))
        .map(<[char]>::len)
        .max();
    let has_vowels = matches!(script, Script::Cyrillic | Script::Greek);
    let hard_to_say = has_vowels && consonants.is_some_and(|run| run > CONSONANTS_MAX);
    u32::from(hard_to_say)
        + 3 * u32::from(is_mixed)
        + 3 * u32::from(mostly_accents)
        + 3 * u32::from(half_width)
        + u32::from(has_rare_letters)
        // These scripts have no capitals, so a wrong encoding cannot show odd capitals.
        // This point is added instead.
        + u32::from(matches!(script, Script::Arabic | Script::Hebrew | Script::Thai))
}

/// Whether at least half of the two-byte characters are rare: their first byte is outside of
/// `common`.
///
/// False for encodings of one byte.
fn characters_are_rare(encoding: &'static Encoding, cell: &[u8]) -> bool {
    let common = if encoding == SHIFT_JIS {
        0x82..=0x97
    } else if encoding == GBK || encoding == EUC_JP {
        0xa1..=0xd7
    } else if encoding == BIG5 {
        0xa4..=0xc6
    } else if encoding == EUC_KR {
        0xb0..=0xc8
    } else {
        return false;
    };
    let (mut rare, mut all) = (0, 0);
    let mut bytes = cell.iter();
    while let Some(byte) = bytes.next() {
        if !byte.is_ascii() {
            all += 1;
            rare += usize::from(!common.contains(byte));
            bytes.next();
        }
    }
    2 * rare >= all.max(1)
}

/// An encoding of one byte in which programs read UTF-8 by mistake.
struct WrongReader {
    /// The characters of the bytes from 0x80 to 0xff. U+FFFD for a byte without a character.
    upper: Vec<char>,
    /// The fewest characters of a text that shows the mistake.
    chars_min: usize,
}

impl WrongReader {
    fn new(encoding: &'static Encoding, chars_min: usize) -> Self {
        let bytes: Vec<u8> = (0x80..=0xff).collect();
        let (text, _) = encoding.decode_without_bom_handling(&bytes);
        Self { upper: text.chars().collect(), chars_min }
    }

    /// The byte from which the encoding reads a character.
    fn byte_of(&self, c: char) -> Option<u8> {
        let place = self.upper.iter().position(|upper| *upper == c)?;
        u8::try_from(place + 0x80).ok().filter(|_| c != char::REPLACEMENT_CHARACTER)
    }

    /// Whether the text, without ASCII characters, was UTF-8 and was decoded in this encoding.
    fn has_read(&self, run: &str) -> bool {
        // Nearly every text ends this check at its first or second character.
        let mut chars = run.chars();
        let (Some(first), Some(second)) = (chars.next(), chars.next()) else { return false };
        let leads = self.byte_of(first).is_some_and(|byte| byte >= 0xc2);
        let follows = leads && self.byte_of(second).is_some_and(|byte| byte < 0xc0);
        if !follows || 2 + chars.count() < self.chars_min {
            return false;
        }
        let bytes: Option<Vec<u8>> = run.chars().map(|c| self.byte_of(c)).collect();
        bytes.is_some_and(|bytes| std::str::from_utf8(&bytes).is_ok())
    }
}

static WRONG_READERS: LazyLock<[WrongReader; 4]> = LazyLock::new(|| {
    [
        WrongReader::new(WINDOWS_1252, 2),
        WrongReader::new(WINDOWS_1250, 2),
        WrongReader::new(MACINTOSH, 2),
        // Two Cyrillic letters may look like UTF-8 by chance.
        WrongReader::new(WINDOWS_1251, 4),
    ]
});

/// Whether a text looks like UTF-8 that was read in another encoding, such as `JosÃ©` for `José`.
pub fn looks_double_encoded(text: &str) -> bool {
    if text.is_ascii() {
        return false;
    }
    let is_double_encoded = |run: &str| WRONG_READERS.iter().any(|reader| reader.has_read(run));
    // `à` was read as `Ã` and a no-break space. The trim of the cell removed the no-break space.
    let is_cut = text.strip_suffix('Ã').is_some_and(|rest| rest.ends_with(char::is_lowercase));
    is_cut || text.split(|c: char| c.is_ascii()).any(is_double_encoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn first(bytes: &[u8]) -> (&'static str, String) {
        let reading = plausible(bytes).swap_remove(0);
        (reading.encoding, reading.shown)
    }

    /// N09: the first suggested encoding shows the word as it was written.
    #[test]
    fn encoding_that_gives_words_of_one_script_comes_first() {
        for (encoding, text) in [
            (WINDOWS_1252, "José,Müller,Zoë"),
            (WINDOWS_1251, "Иван,Петров,Sales"),
            (SHIFT_JIS, "太郎,山田,鈴木"),
            (WINDOWS_1250, "Łukasz,Żółć"),
            (WINDOWS_1253, "Γιώργος,Παπαδόπουλος"),
            (EUC_KR, "김철수,이영희"),
            (GBK, "王小明,李华"),
            (KOI8_R, "Иван,Петров"),
        ] {
            let (bytes, ..) = encoding.encode(text);
            let shown = text.split(',').next().unwrap().to_owned();
            assert_eq!(first(&bytes), (encoding.name(), shown), "{:?}", plausible(&bytes));
        }
    }

    proptest! {
        /// A run was read wrongly exactly if its bytes in the encoding are UTF-8.
        #[test]
        fn wrong_reader_agrees_with_the_encoder(
            bytes in prop::collection::vec(0x80u8..=0xff, 1..6),
            name in "[é-ž€-℣а-я]{1,4}",
        ) {
            let readers = [WINDOWS_1252, WINDOWS_1250, MACINTOSH, WINDOWS_1251];
            for (encoding, reader) in readers.into_iter().zip(WRONG_READERS.iter()) {
                let decoded = encoding.decode_without_bom_handling(&bytes).0.into_owned();
                let twice = encoding.decode_without_bom_handling(name.as_bytes()).0.into_owned();
                for run in [decoded, twice, name.clone()] {
                    let (bytes, _, has_others) = encoding.encode(&run);
                    let is_utf8 = !has_others && std::str::from_utf8(&bytes).is_ok();
                    let is_long = run.chars().count() >= reader.chars_min;
                    prop_assert_eq!(reader.has_read(&run), is_utf8 && is_long, "{:?}", run);
                }
            }
        }
    }

    /// N93
    #[test]
    fn double_encoded_text_is_detected() {
        for reader in [WINDOWS_1252, WINDOWS_1250, MACINTOSH] {
            for name in ["José", "Nguyễn", "O’Neil"] {
                let (twice, ..) = reader.decode(name.as_bytes());
                assert!(looks_double_encoded(&twice), "{twice}");
            }
        }
        let (twice, ..) = WINDOWS_1251.decode("Иван".as_bytes());
        assert!(looks_double_encoded(&twice), "{twice}");
        assert!(looks_double_encoded("voilÃ"));
        for fine in ["José", "Ângela", "Nguyễn", "Łukasz Żółć", "Иван Сёмин", "太郎", "ÅÄÖ", "Ã"]
        {
            assert!(!looks_double_encoded(fine), "{fine}");
        }
    }
}
