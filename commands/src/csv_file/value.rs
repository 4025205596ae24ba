//! What a value is made of: blanks around it, characters nobody sees, letters that look alike.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

use crate::code::Code;

/// The value without blanks around it: spaces of every width, tabs, no-break spaces (N25).
/// Line breaks stay, so that they are noticed.
pub(super) fn trim(text: &str) -> &str {
    let edge = |b: Option<&u8>| b.is_some_and(|&b| b == b' ' || b == b'\t' || !b.is_ascii());
    if edge(text.as_bytes().first()) || edge(text.as_bytes().last()) {
        text.trim_matches(is_blank)
    } else {
        text
    }
}

/// Whether nothing but blanks and line breaks is there.
pub(super) fn is_empty(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

/// A control character or a line separator: allowed in no value, as mail headers end there (N26, N56).
pub(super) fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Whether the text holds a control character.
pub(crate) fn has_control(text: &str) -> bool {
    if text.is_ascii() {
        text.bytes().any(|b| b.is_ascii_control())
    } else {
        text.chars().any(is_control)
    }
}

/// A character that takes no room or turns the writing around: it makes two equal-looking keys differ (N51).
pub(super) fn is_invisible(c: char) -> bool {
    matches!(
        u32::from(c),
        0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x3164 | 0xfeff | 0xffa0
            | 0x180b..=0x180f
            | 0x200b..=0x200f
            | 0x202a..=0x202e
            | 0x2060..=0x206f
            | 0xfe00..=0xfe0f
            | 0xfff0..=0xfffb
            | 0x1bca0..=0x1bca3
            | 0x1d173..=0x1d17a
            | 0xe0000..=0xe0fff
    )
}

/// Whether the text holds an invisible character.
pub fn has_invisible(text: &str) -> bool {
    !text.is_ascii() && text.chars().any(is_invisible)
}

/// A name without its invisible characters. Joiners within Persian or Indic words are part of the spelling.
pub(super) fn without_invisible(text: &str) -> Cow<'_, str> {
    if !has_invisible(text) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let joins = matches!(c, '\u{200c}' | '\u{200d}')
            && kept.chars().next_back().is_some_and(takes_joiners)
            && characters.peek().is_some_and(|&next| takes_joiners(next));
        if joins || !is_invisible(c) {
            kept.push(c);
        }
    }
    if kept == text { Cow::Borrowed(text) } else { Cow::Owned(kept) }
}

/// One form for what looks the same: composed, as keyboards type it.
pub(super) fn composed(text: &str) -> String {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        text.to_owned()
    } else {
        text.nfc().collect()
    }
}

/// A name as a cell with it is read: without blanks around it and without what nobody sees, composed.
pub fn spelled(text: &str) -> String {
    composed(trim(&without_invisible(trim(text))))
}

/// A value that tells people apart, as a cell of a file would be taken (N51): nothing invisible may be in it, and
/// nothing is changed but its form.
///
/// # Errors
/// `field.required`, `field.control_character`, `field.invisible_character`, `field.length`.
pub(crate) fn exact(text: &str, max_chars: usize) -> Result<String, Code> {
    let text = trim(text);
    match text {
        "" => Err(Code::FieldRequired),
        _ if has_control(text) => Err(Code::FieldControlCharacter),
        _ if has_invisible(text) => Err(Code::FieldInvisibleCharacter),
        _ if text.chars().count() > max_chars => Err(Code::FieldLength),
        _ => Ok(composed(text)),
    }
}

/// A name or another free text, as a cell of a file would be taken: its invisible characters are taken out.
///
/// # Errors
/// `field.required`, `field.control_character`, `field.length`.
pub(crate) fn free(text: &str, max_chars: usize) -> Result<String, Code> {
    let text = trim(text);
    if has_control(text) {
        return Err(Code::FieldControlCharacter);
    }
    let seen = without_invisible(text);
    match trim(&seen) {
        "" => Err(Code::FieldRequired),
        seen if seen.chars().count() > max_chars => Err(Code::FieldLength),
        seen => Ok(composed(seen)),
    }
}

/// Whether a word mixes letters of scripts that look alike, as `pаul` with a Cyrillic а (N50).
pub(super) fn mixes_scripts(text: &str) -> bool {
    if text.is_ascii() {
        return false;
    }
    text.split(|c: char| !c.is_alphabetic()).any(|word| {
        let mut scripts = word.chars().filter_map(look_alike_script);
        let first = scripts.next();
        scripts.any(|script| Some(script) != first)
    })
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t' || (c.is_whitespace() && !c.is_control() && !is_control(c))
}

fn takes_joiners(c: char) -> bool {
    matches!(u32::from(c), 0x600..=0x8ff | 0x900..=0xdff | 0xfb50..=0xfdff | 0xfe70..=0xfefc)
}

/// The script of a letter, of those whose letters are taken for one another.
fn look_alike_script(c: char) -> Option<u8> {
    match u32::from(c) {
        0x41..=0x5a | 0x61..=0x7a | 0xaa | 0xba | 0xc0..=0x24f | 0x1e00..=0x1eff => Some(b'L'),
        0x370..=0x3ff | 0x1f00..=0x1fff => Some(b'G'),
        0x400..=0x52f | 0x1c80..=0x1c8f | 0x2de0..=0x2dff | 0xa640..=0xa69f => Some(b'C'),
        0x530..=0x58f => Some(b'A'),
        0x13a0..=0x13ff | 0xab70..=0xabbf => Some(b'K'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n25_blanks_of_every_width_are_trimmed_and_line_breaks_are_not() {
        assert_eq!(trim("\u{a0} \tWill Smith\u{3000}\u{2009}"), "Will Smith");
        assert_eq!(trim("Will\n"), "Will\n");
        assert_eq!(trim("Zoë"), "Zoë");
        assert_eq!(trim("  "), "");
    }

    #[test]
    fn n51_invisible_characters_are_found_and_taken_out() {
        for c in ['\u{200b}', '\u{ad}', '\u{202e}', '\u{e0041}', '\u{feff}', '\u{2066}'] {
            let name = format!("Wi{c}ll");
            assert!(has_invisible(&name), "{c:?}");
            assert_eq!(without_invisible(&name), "Will", "{c:?}");
        }
        assert_eq!(without_invisible("می\u{200c}خواهم"), "می\u{200c}خواهم");
        assert!(!has_invisible("Zoë Nguyễn 王"));
    }

    /// N51, P24: what a cell of a file is held to holds for a value that comes without a file, and a value that
    /// was taken is taken again as it is.
    #[test]
    fn n51_a_value_is_held_to_what_a_cell_is() {
        assert_eq!(exact("\u{a0}Jose\u{301} ", 5).as_deref(), Ok("José"));
        assert_eq!(free(" Jo\u{200b}se\u{301}\u{200b} ", 5).as_deref(), Ok("José"));
        for (bad, key, name) in [
            ("a\u{200b}b", Some(Code::FieldInvisibleCharacter), None),
            ("\u{200b}", Some(Code::FieldInvisibleCharacter), Some(Code::FieldRequired)),
            (" \u{3000}", Some(Code::FieldRequired), Some(Code::FieldRequired)),
            ("a\u{2028}b", Some(Code::FieldControlCharacter), Some(Code::FieldControlCharacter)),
            ("abcde", Some(Code::FieldLength), Some(Code::FieldLength)),
        ] {
            assert_eq!((exact(bad, 4).err(), free(bad, 4).err()), (key, name), "{bad:?}");
        }
    }

    #[test]
    fn n50_only_words_of_mixed_scripts_are_suspicious() {
        assert!(mixes_scripts("pаul@x.com"));
        assert!(mixes_scripts("Ρaul"));
        for fine in ["paul", "Павел", "Павел Smith", "José", "王Will", "павел@x.com"]
        {
            assert!(!mixes_scripts(fine), "{fine}");
        }
    }

    #[test]
    fn what_looks_the_same_becomes_the_same() {
        assert_eq!(composed("Jose\u{301}"), "José");
    }
}
