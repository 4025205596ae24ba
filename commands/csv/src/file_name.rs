//! Makes file names safe to show: no folders, no invisible characters, no excess length.

use crate::characters::{composed, is_control, is_invisible, trim};

/// The longest file name, in characters: most file systems allow no more.
const MAX_CHARS: usize = 255;
/// The longest extension that is kept when a name is cut, in characters.
const MAX_EXTENSION_CHARS: usize = 16;
/// The name of a file whose own name has no visible character.
const UNNAMED: &str = "unnamed.csv";

/// The file's name without folders, control characters and invisible characters.
///
/// A name of more than 255 characters is cut, but keeps its extension.
pub fn clean_name(name: &str) -> String {
    // The client may run on Windows, so a backslash also separates folders.
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible: String = base.chars().filter(|&c| !is_control(c) && !is_invisible(c)).collect();
    let clean = composed(trim(&visible));
    match clean.as_str() {
        "" | "." | ".." => UNNAMED.to_owned(),
        _ => cut(&clean),
    }
}

fn cut(name: &str) -> String {
    if name.chars().count() <= MAX_CHARS {
        return name.to_owned();
    }
    let extension = name.rsplit_once('.').map(|(_, extension)| format!(".{extension}"));
    let extension = extension.filter(|end| end.chars().count() <= MAX_EXTENSION_CHARS);
    let extension = extension.unwrap_or_default();
    let stem = name.chars().take(MAX_CHARS - extension.chars().count());
    stem.chain(extension.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N82
    #[test]
    fn a_file_name_keeps_only_what_is_safe_to_show() {
        assert_eq!(clean_name("C:\\Users\\jane\\new users.csv"), "new users.csv");
        assert_eq!(clean_name("../../etc/passwd"), "passwd");
        assert_eq!(clean_name("us\u{202e}vsc.sre\r\n\0"), "usvsc.sre");
        assert_eq!(clean_name("  Zoë.csv\u{a0}"), "Zoë.csv");
        for nothing in ["", "..", "a/", "\u{200b}", "."] {
            assert_eq!(clean_name(nothing), UNNAMED, "{nothing:?}");
        }
    }

    /// N82
    #[test]
    fn a_long_file_name_is_cut_and_keeps_its_extension() {
        let name = clean_name(&format!("{}.csv", "ä".repeat(296)));
        assert_eq!(name.chars().count(), 255);
        assert!(name.ends_with("ä.csv"));
    }
}
