//! Classes of characters that a cell may hold: blanks, control characters, invisible ones.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

/// The text without blanks around it: spaces of every width, tabs, no-break spaces.
///
/// Line breaks stay. A later check rejects them as control characters.
pub fn trim(text: &str) -> &str {
    // Most cells have no blanks around them. The first and the last byte show this without
    // decoding.
    let may_be_blank =
        |b: Option<&u8>| b.is_some_and(|&b| b == b' ' || b == b'\t' || !b.is_ascii());
    if may_be_blank(text.as_bytes().first()) || may_be_blank(text.as_bytes().last()) {
        text.trim_matches(is_blank)
    } else {
        text
    }
}

/// Whether the text holds only blanks and line breaks.
pub(crate) fn is_blank_text(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

/// Whether this is a control character or a line separator.
///
/// No value may have such a character: in a mail header, a line break would begin another header.
pub fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Whether the text holds a control character.
pub fn has_control(text: &str) -> bool {
    if text.is_ascii() {
        text.bytes().any(|b| b.is_ascii_control())
    } else {
        text.chars().any(is_control)
    }
}

/// Whether the character has no width or changes the writing direction.
///
/// Two keys that differ only in such a character look equal.
///
/// These are the characters of Unicode's Default_Ignorable_Code_Point, and the annotation marks
/// U+FFF9 to U+FFFB.
pub fn is_invisible(c: char) -> bool {
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

/// The text without invisible characters.
///
/// Joiners within Persian or Indic words and within pictographs stay. Marks that choose the form of
/// a pictograph or of a Han character stay too.
pub fn without_invisible(text: &str) -> Cow<'_, str> {
    if !has_invisible(text) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let before = kept.chars().next_back();
        let joins = matches!(c, '\u{200c}' | '\u{200d}')
            && before.is_some_and(|before| takes_joiners(before) || is_emoji_form(before))
            && characters.peek().is_some_and(|&next| takes_joiners(next));
        let chooses_form = before.is_some_and(|before| is_form_of(c, before));
        if joins || chooses_form || !is_invisible(c) {
            kept.push(c);
        }
    }
    if kept == text { Cow::Borrowed(text) } else { Cow::Owned(kept) }
}

/// The text in Unicode NFC: a letter and its accent are one character, as keyboards type them.
pub fn composed(text: &str) -> String {
    // No character before the combining marks changes.
    let has_no_marks = || text.chars().all(|c| c < '\u{300}');
    if text.is_ascii() || has_no_marks() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        text.to_owned()
    } else {
        text.nfc().collect()
    }
}

/// Whether the character is a tab or a space of any width. False for a line break.
fn is_blank(c: char) -> bool {
    c == '\t' || (c.is_whitespace() && !is_control(c))
}

/// Whether a joiner beside the character has a meaning.
///
/// Joiners are part of the spelling in scripts such as Arabic and Devanagari. Between pictographs,
/// a joiner makes one picture of several.
fn takes_joiners(c: char) -> bool {
    matches!(
        u32::from(c),
        0x600..=0x109f
            | 0x1780..=0x18af
            | 0x2190..=0x2bff
            | 0xfb50..=0xfdff
            | 0xfe70..=0xfefc
            | 0x1f000..=0x1faff
    )
}

/// Whether the mark chooses if the character before it is shown as text or as a picture.
fn is_emoji_form(c: char) -> bool {
    matches!(c, '\u{fe0e}' | '\u{fe0f}')
}

/// Whether `c` chooses the form of the character `before`, a pictograph or a Han character.
fn is_form_of(c: char, before: char) -> bool {
    if is_emoji_form(c) {
        return is_pictograph(before);
    }
    let is_ideographic = matches!(u32::from(c), 0xe0100..=0xe01ef);
    is_ideographic
        && matches!(u32::from(before), 0x3400..=0x9fff | 0xf900..=0xfaff | 0x2_0000..=0x3_ffff)
}

/// Whether the character may be shown as a picture. A digit may be shown as the key of a telephone.
fn is_pictograph(c: char) -> bool {
    matches!(
        u32::from(c),
        0x23 | 0x2a | 0x30..=0x39 | 0xa9 | 0xae | 0x203c | 0x2049 | 0x2122 | 0x2139 | 0x3030
            | 0x303d | 0x3297 | 0x3299
            | 0x2190..=0x2bff
            | 0x1f000..=0x1faff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N25
    #[test]
    fn blanks_of_every_width_are_trimmed_but_not_line_breaks() {
        assert_eq!(trim("\u{a0} \tWill Smith\u{3000}\u{2009}"), "Will Smith");
        assert_eq!(trim("Will\n"), "Will\n");
        assert_eq!(trim("Zoë"), "Zoë");
        assert_eq!(trim("  "), "");
    }

    /// N51
    #[test]
    fn invisible_characters_are_found_and_removed() {
        for c in ['\u{200b}', '\u{ad}', '\u{202e}', '\u{e0041}', '\u{feff}', '\u{2066}'] {
            let name = format!("Wi{c}ll");
            assert!(has_invisible(&name), "{c:?}");
            assert_eq!(without_invisible(&name), "Will", "{c:?}");
        }
        assert_eq!(without_invisible("می\u{200c}خواهم"), "می\u{200c}خواهم");
        assert!(!has_invisible("Zoë Nguyễn 王"));
    }

    /// N97: a joiner stays only within a word or a pictograph.
    #[test]
    fn joiners_of_words_and_pictographs_stay() {
        let family = "\u{1f468}\u{1f3fd}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        for name in
            [family, "نرگس\u{200c}ها", "क्\u{200d}ष", "ក\u{200c}ខ", "\u{2764}\u{200d}\u{1f525}"]
        {
            assert_eq!(without_invisible(name), name);
        }
        assert_eq!(without_invisible("Wi\u{200d}ll \u{1f468}\u{200d}"), "Will \u{1f468}");
    }

    /// N97: a mark that chooses a form stays only after a character that has forms.
    #[test]
    fn marks_that_choose_a_form_stay() {
        for name in
            ["\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}", "\u{2764}\u{fe0f}", "\u{845b}\u{e0100}城"]
        {
            assert_eq!(without_invisible(name), name);
        }
        assert_eq!(without_invisible("An\u{fe0f}na \u{e0100}\u{fe0f}"), "Anna ");
    }

    #[test]
    fn letter_and_accent_become_one_character() {
        assert_eq!(composed("Jose\u{301}"), "José");
    }
}
