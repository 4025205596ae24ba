//! ColumnNames that people spell differently: what counts as equal, and which known name is the nearest.

use std::collections::{BTreeMap, HashMap};

use unicode_normalization::UnicodeNormalization as _;

/// The least similarity for a "did you mean" hint: one wrong letter in five passes.
pub(crate) const SIMILARITY_MIN: f64 = 0.7;

/// The most known names that are compared letter by letter. Each row of a file may hold another unknown name, so
/// the work is rows times names.
const COMPARED_MAX: usize = 200;

/// The known names, prepared for looking up near ones.
#[derive(Debug)]
pub struct Near<'n> {
    names: BTreeMap<String, &'n str>,
    /// The answers so far, by plain name.
    found: HashMap<String, Option<&'n str>>,
}

impl<'n> Near<'n> {
    /// Of several names that are equal when plain, the first is found.
    pub fn of(names: impl Iterator<Item = &'n str>) -> Self {
        let mut by_plain = BTreeMap::new();
        for name in names {
            by_plain.entry(plain(name)).or_insert(name);
        }
        Self { names: by_plain, found: HashMap::new() }
    }

    /// The known name that equals `name` but for case, blanks, punctuation and width; otherwise the most similar one.
    pub fn find(&mut self, name: &str) -> Option<&'n str> {
        let name = plain(name);
        if name.is_empty() {
            return None;
        }
        let same = self.names.get(&name).copied();
        if same.is_some() || self.names.len() > COMPARED_MAX {
            return same;
        }
        if let Some(known) = self.found.get(&name) {
            return *known;
        }
        let mut best: Option<(f64, &'n str)> = None;
        for (plain, known) in &self.names {
            let similarity = strsim::normalized_damerau_levenshtein(&name, plain);
            if similarity >= SIMILARITY_MIN && best.is_none_or(|(most, _)| similarity > most) {
                best = Some((similarity, known));
            }
        }
        let best = best.map(|(_, known)| known);
        self.found.insert(name, best);
        best
    }
}

/// A name without what people write differently: case, blanks, punctuation, width.
pub(crate) fn plain(name: &str) -> String {
    let letters = name.nfkc().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Whether two names are equal but for case, blanks, punctuation and width.
pub fn same_name(a: &str, b: &str) -> bool {
    plain(a) == plain(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OCM-09, N75: other spellings and typing errors are found; a different name is not guessed at.
    #[test]
    fn near_name_is_found_for_a_typing_error() {
        let mut near = Near::of(["Team A", "Ärzte Süd", "Fixed Income"].into_iter());
        for (written, meant) in [
            ("team  a", Some("Team A")),
            ("Team\u{a0}A", Some("Team A")),
            ("TeamA", Some("Team A")),
            ("Team–A", Some("Team A")),
            ("ÄRZTE SÜD", Some("Ärzte Süd")),
            ("Ärzte-Süd", Some("Ärzte Süd")),
            ("Fixed Incme", Some("Fixed Income")),
            ("Fixed Incme", Some("Fixed Income")),
            ("Facilities", None),
            ("—", None),
        ] {
            assert_eq!(near.find(written), meant, "{written:?}");
        }
        let many: Vec<_> = (0..=COMPARED_MAX).map(|n| format!("Unit {n}")).collect();
        let mut near = Near::of(many.iter().map(String::as_str));
        assert_eq!((near.find("unit-7"), near.find("Unti 7")), (Some("Unit 7"), None));
    }
}
