//! The apostrophe that keeps a spreadsheet from taking a value for a formula: set on the way out, dropped on the
//! way in (N65, P25).

/// What a spreadsheet takes for the beginning of a formula; the full-width forms too.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

const GUARD: char = '\'';

/// The value as a spreadsheet may read it: guarded if it looks like a formula, or like one that is guarded.
pub fn guarded(text: String) -> String {
    let breaks = text.starts_with(['\t', '\r', '\n']);
    // Our own sign for "nothing" is no formula and would only look odd.
    let is_nothing = text == "-";
    if breaks || (hides_formula(&text) && !is_nothing) { format!("{GUARD}{text}") } else { text }
}

/// The value as a program may write it so that an import reads the same: what only looks as if it were guarded
/// is guarded.
pub fn escaped(text: String) -> String {
    if text.starts_with(GUARD) { guarded(text) } else { text }
}

/// The value without the guard that [`guarded`] has set.
pub(super) fn unguarded(text: &str) -> &str {
    text.strip_prefix(GUARD).filter(|rest| hides_formula(rest)).unwrap_or(text)
}

/// Whether a formula stands behind blanks and guards.
fn hides_formula(text: &str) -> bool {
    let bare = text.trim_start_matches(|c: char| c == GUARD || c.is_whitespace() || c.is_control());
    bare.starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn n65_only_what_looks_like_a_formula_is_guarded() {
        for (value, shown) in [
            ("=1+1", "'=1+1"),
            ("+84923448071", "'+84923448071"),
            ("  @x", "'  @x"),
            ("＝1", "'＝1"),
            ("'=1", "''=1"),
            ("-", "-"),
            ("'t Hooft", "'t Hooft"),
            ("O'Neil =", "O'Neil ="),
            ("", ""),
        ] {
            assert_eq!(guarded(value.to_owned()), shown);
            assert_eq!(unguarded(shown), value);
        }
        assert_eq!(escaped("=1".to_owned()), "=1");
        assert_eq!(unguarded(&escaped("'=1".to_owned())), "'=1");
    }

    proptest! {
        /// P25: whatever is written out, for people or for programs, is read as it was.
        #[test]
        fn p25_a_value_comes_back_as_it_was(text in "[ '=+@a＝-]{0,6}") {
            for written in [guarded(text.clone()), escaped(text.clone())] {
                prop_assert_eq!(unguarded(&written), &text);
            }
        }
    }
}
