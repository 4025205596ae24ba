//! Checks of texts: names and keys, as a cell of a file or a value of a command.

use boarding_csv::{composed, has_control, has_invisible, trim, without_invisible};

use super::code::Code;

/// A name as a cell gives it: without blanks around it, without invisible characters, in Unicode NFC.
pub fn spelled(text: &str) -> String {
    composed(trim(&without_invisible(trim(text))))
}

/// The text of a key or id: without blanks around it, in Unicode NFC. No invisible character is allowed.
///
/// # Errors
/// `field.required`, `field.control_character`, `field.invisible_character`, `field.length`.
pub fn exact(text: &str, max_chars: usize) -> Result<String, Code> {
    let text = trim(text);
    match text {
        "" => Err(Code::FieldRequired),
        _ if has_control(text) => Err(Code::FieldControlCharacter),
        _ if has_invisible(text) => Err(Code::FieldInvisibleCharacter),
        _ if text.chars().count() > max_chars => Err(Code::FieldLength),
        _ => Ok(composed(text)),
    }
}

/// A name or another free text: without blanks around it and without invisible characters, in Unicode NFC.
///
/// # Errors
/// `field.required`, `field.control_character`, `field.length`.
pub fn free(text: &str, max_chars: usize) -> Result<String, Code> {
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

/// Whether a word mixes letters of scripts that look alike, as `pаul` with a Cyrillic а.
pub fn mixes_scripts(text: &str) -> bool {
    // Most texts have letters of one script only, and need no look at their words.
    let mut scripts = text.chars().filter_map(look_alike_script);
    let first = scripts.next();
    if text.is_ascii() || scripts.all(|script| Some(script) == first) {
        return false;
    }
    text.split(|c: char| !c.is_alphabetic()).any(|word| {
        let mut scripts = word.chars().filter_map(look_alike_script);
        let first = scripts.next();
        scripts.any(|script| Some(script) != first)
    })
}

/// The script of a letter, if letters of other scripts look like it.
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

    /// N51, P24: invisible characters reject a key and are removed from a name.
    #[test]
    fn keys_and_names_are_checked_for_invisible_characters() {
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

    /// N50
    #[test]
    fn only_words_of_mixed_scripts_are_found() {
        assert!(mixes_scripts("pаul@x.com"));
        assert!(mixes_scripts("Ρaul"));
        for fine in ["paul", "Павел", "Павел Smith", "José", "王Will", "павел@x.com"]
        {
            assert!(!mixes_scripts(fine), "{fine}");
        }
    }

    #[test]
    fn letters_of_similar_scripts_are_distinguished() {
        for mixed in ["a\u{561}", "a\u{13a0}", "a\u{ab70}", "a\u{3b1}", "\u{430}\u{3b1}"] {
            assert!(mixes_scripts(mixed), "{mixed}");
        }
    }
}
