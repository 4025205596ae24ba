//! The apostrophe that keeps a spreadsheet from running a value as a formula.

/// The characters that begin a formula in a spreadsheet, with their full-width forms.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// An export adds the guard, and an import removes it.
const GUARD: char = '\'';

/// The value for a spreadsheet.
///
/// A value that looks like a formula or a guarded formula gets a guard. So does a value that begins
/// with a tab or a line break.
pub fn guarded(text: String) -> String {
    let begins_with_break = text.starts_with(['\t', '\r', '\n']);
    // Exports write "-" for an empty value. It is not a formula.
    let is_placeholder = text == "-";
    if begins_with_break || (hides_formula(&text) && !is_placeholder) {
        format!("{GUARD}{text}")
    } else {
        text
    }
}

/// The value for a program.
///
/// A value that looks like a guarded formula gets a second guard. An import removes only one guard,
/// so it reads the value back.
pub fn escaped(text: String) -> String {
    if text.starts_with(GUARD) { guarded(text) } else { text }
}

/// The value without the guard that [`guarded`] adds.
pub(crate) fn unguarded(text: &str) -> &str {
    text.strip_prefix(GUARD).filter(|rest| hides_formula(rest)).unwrap_or(text)
}

/// Whether the text is a formula after any blanks, control characters and guards.
fn hides_formula(text: &str) -> bool {
    let bare = text.trim_start_matches(|c: char| c == GUARD || c.is_whitespace() || c.is_control());
    bare.starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// N65
    #[test]
    fn only_formulas_are_guarded() {
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
        /// P25: a guarded or escaped value is read back as the original.
        #[test]
        fn an_exported_value_is_imported_unchanged(text in "[ '=+@a＝-]{0,6}") {
            for written in [guarded(text.clone()), escaped(text.clone())] {
                prop_assert_eq!(unguarded(&written), &text);
            }
        }
    }
}
