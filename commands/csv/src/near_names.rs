//! Finds names that differ from a new one by a typing error.

use crate::names::plain;

/// The shortest names that are compared letter by letter, in characters: `HR` and `HK` are two things.
const COMPARED_MIN_CHARS: usize = 4;

/// A new name, prepared for the comparison with many known ones.
#[derive(Debug)]
pub struct NearNames {
    /// Its letters and digits in lower case.
    plain: String,
    lower: Vec<char>,
    /// How many characters it has.
    chars: usize,
}

impl NearNames {
    pub fn new(name: &str) -> Self {
        let lower = name.chars().flat_map(char::to_lowercase).collect();
        Self { plain: plain(name), lower, chars: name.chars().count() }
    }

    /// Whether the new name and a known one differ only in case, blanks and punctuation, or in one letter. Names with
    /// other digits are meant to be similar: `Desk 1`, `Desk 2`.
    pub fn is_near(&self, known: &str) -> bool {
        self.is_same(known) || self.is_mistyped(known)
    }

    /// Whether the two differ only in case, blanks, punctuation and the width of letters.
    fn is_same(&self, known: &str) -> bool {
        if !known.is_ascii() {
            return plain(known) == self.plain;
        }
        // The plain form of ASCII text, without an allocation for each of many names.
        let letters = known.bytes().filter(u8::is_ascii_alphanumeric);
        letters.map(|byte| byte.to_ascii_lowercase()).eq(self.plain.bytes())
    }

    /// Whether one letter is missing, added or another one, or two neighbours are exchanged.
    fn is_mistyped(&self, known: &str) -> bool {
        if known.chars().count().abs_diff(self.chars) > 1 {
            return false;
        }
        let new = self.lower.iter().copied();
        let known = || known.chars().flat_map(char::to_lowercase);
        let start = new.clone().zip(known()).take_while(|(new, known)| new == known).count();
        let end_of_new = self.lower.len().saturating_sub(start);
        let end_of_known = known().skip(start).count();
        let chars = self.lower.len().min(start + end_of_known);
        if chars < COMPARED_MIN_CHARS || end_of_new.abs_diff(end_of_known) > 1 {
            return false;
        }
        let rest_of_new = |skipped| new.clone().skip(start + skipped);
        let rest_of_known = |skipped| known().skip(start + skipped);
        let is_added = rest_of_new(0).eq(rest_of_known(1));
        let is_missing = rest_of_new(1).eq(rest_of_known(0));
        let is_other = rest_of_new(1).eq(rest_of_known(1));
        let is_swapped = || {
            let swapped = new.clone().skip(start).take(2).rev();
            rest_of_new(2).eq(rest_of_known(2)) && swapped.eq(rest_of_known(0).take(2))
        };
        (is_added || is_missing || is_other || is_swapped()) && digits(new).eq(digits(known()))
    }
}

fn digits(name: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    name.filter(char::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_by_a_typing_error_are_near() {
        for (name, known) in [
            ("sales", "Sales"),
            ("Fixed-Income", "Fixed Income"),
            ("Sale", "Sales"),
            ("Salles", "Sales"),
            ("Salas", "Sales"),
            ("Saels", "Sales"),
            ("ÄRZTE Süd", "Ärzte-Süd"),
        ] {
            assert!(NearNames::new(name).is_near(known), "{name}");
        }
        for (name, known) in [
            ("Desk 1", "Desk 2"),
            ("Desk", "Desk 2"),
            ("HR", "HK"),
            ("EMEA", "APAC"),
            ("Seals", "Sales"),
            ("", "Sales"),
        ] {
            assert!(!NearNames::new(name).is_near(known), "{name}");
        }
    }
}
