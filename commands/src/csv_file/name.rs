//! File names as people may see them: the last part of a path, short, without tricks.

use super::value;

/// The longest file name kept, in characters: what file systems allow.
const MAX_CHARS: usize = 255;
/// The longest extension worth keeping when a name is cut, in characters.
const MAX_EXTENSION_CHARS: usize = 16;
/// What a file is called whose name holds nothing fit to be shown.
const UNNAMED: &str = "unnamed.csv";

/// The file's name without folders, control characters and characters that turn the writing around,
/// cut to 255 characters with its extension kept (N82).
pub fn clean_name(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let seen: String =
        base.chars().filter(|&c| !value::is_control(c) && !value::is_invisible(c)).collect();
    let clean = value::composed(value::trim(&seen));
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

    #[test]
    fn n82_names_are_cut_down_to_what_is_safe_to_show() {
        assert_eq!(clean_name("C:\\Users\\jane\\new users.csv"), "new users.csv");
        assert_eq!(clean_name("../../etc/passwd"), "passwd");
        assert_eq!(clean_name("us\u{202e}vsc.sre\r\n\0"), "usvsc.sre");
        assert_eq!(clean_name("  Zoë.csv\u{a0}"), "Zoë.csv");
        for nothing in ["", "..", "a/", "\u{200b}", "."] {
            assert_eq!(clean_name(nothing), UNNAMED, "{nothing:?}");
        }
    }

    #[test]
    fn n82_a_name_of_300_characters_is_cut_to_255_and_keeps_its_extension() {
        let name = clean_name(&format!("{}.csv", "ä".repeat(296)));
        assert_eq!(name.chars().count(), 255);
        assert!(name.ends_with("ä.csv"));
    }
}
