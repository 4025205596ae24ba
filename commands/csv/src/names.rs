//! Compares names that people spell differently, and finds the most similar known name.

use std::collections::{BTreeMap, HashMap};

use unicode_normalization::UnicodeNormalization as _;

/// The least similarity for a "did you mean" hint: it allows one wrong letter in four, but not one in three.
const SIMILARITY_MIN: f64 = 0.7;

/// The most known names that are compared letter by letter. Each row of a file may hold a different unknown name,
/// and each is compared with all known names.
const COMPARED_MAX: usize = 200;

/// How similar two names are, at most 1. None if they are not similar enough for a hint.
pub(crate) fn similarity(one: &str, other: &str) -> Option<f64> {
    let (one_chars, other_chars) = (one.chars().count(), other.chars().count());
    let (less, more) = (one_chars.min(other_chars), one_chars.max(other_chars));
    // Each missing letter is a difference. A long name of a file is not compared letter by letter.
    if (less as f64) < SIMILARITY_MIN * more as f64 {
        return None;
    }
    let similarity = strsim::normalized_damerau_levenshtein(one, other);
    (similarity >= SIMILARITY_MIN).then_some(similarity)
}

/// The known name that is most similar to a mistyped one; of equally similar names the first. None if none is similar
/// enough.
pub fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let name = plain(name);
    if name.is_empty() {
        return None;
    }
    most_similar(&name, known.into_iter().map(|known| (plain(known), known)))
}

/// The most similar of the known names, each with its plain form; of equally similar names the first.
fn most_similar<'n>(
    name: &str,
    known: impl Iterator<Item = (impl AsRef<str>, &'n str)>,
) -> Option<&'n str> {
    let mut best: Option<(f64, &'n str)> = None;
    for (plain, known) in known {
        let Some(similarity) = similarity(name, plain.as_ref()) else { continue };
        if best.is_none_or(|(most, _)| similarity > most) {
            best = Some((similarity, known));
        }
    }
    best.map(|(_, known)| known)
}

/// The known names, for finding the one that a person meant.
#[derive(Debug)]
pub struct KnownNames<'n> {
    by_plain_name: BTreeMap<String, &'n str>,
    /// The results of earlier searches, by plain name: many rows hold the same wrong name.
    searched: HashMap<String, Option<&'n str>>,
}

impl<'n> KnownNames<'n> {
    /// Keeps the first of several names with the same plain form.
    pub fn new(names: impl Iterator<Item = &'n str>) -> Self {
        let mut by_plain_name = BTreeMap::new();
        for name in names {
            by_plain_name.entry(plain(name)).or_insert(name);
        }
        Self { by_plain_name, searched: HashMap::new() }
    }

    /// The known name with the same plain form as `name`.
    pub fn find_same(&self, name: &str) -> Option<&'n str> {
        self.by_plain_name.get(&plain(name)).copied()
    }

    /// The known name with the same plain form as `name`; otherwise the most similar known name.
    ///
    /// If there are more than `COMPARED_MAX` known names, only the same plain form is found.
    pub fn find_similar(&mut self, name: &str) -> Option<&'n str> {
        let name = plain(name);
        if name.is_empty() {
            return None;
        }
        let same = self.by_plain_name.get(&name).copied();
        if same.is_some() || self.by_plain_name.len() > COMPARED_MAX {
            return same;
        }
        if let Some(known) = self.searched.get(&name) {
            return *known;
        }
        let best =
            most_similar(&name, self.by_plain_name.iter().map(|(plain, known)| (plain, *known)));
        self.searched.insert(name, best);
        best
    }
}

/// The plain form of a name: its letters and digits in lower case. Full-width letters become ordinary ones.
pub(crate) fn plain(name: &str) -> String {
    let letters = name.nfkc().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Whether two names differ only in case, blanks, punctuation and the width of letters.
pub fn same_name(a: &str, b: &str) -> bool {
    plain(a) == plain(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_name_is_similar_or_absent() {
        let known = ["channels.whatsapp", "language", "locale"];
        for (written, meant) in [
            ("channel.whatsap", Some("channels.whatsapp")),
            ("Language", Some("language")),
            ("langauge", Some("language")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
    }

    /// OCM-09, N75: other spellings and typing errors find the known name; an unrelated name finds none.
    #[test]
    fn known_name_is_found_for_a_typing_error() {
        let mut known = KnownNames::new(["Team A", "Ärzte Süd", "Fixed Income"].into_iter());
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
            assert_eq!(known.find_similar(written), meant, "{written:?}");
        }
        let many: Vec<_> = (0..=COMPARED_MAX).map(|n| format!("Unit {n}")).collect();
        let mut known = KnownNames::new(many.iter().map(String::as_str));
        let found = (known.find_similar("unit-7"), known.find_similar("Unti 7"));
        assert_eq!(found, (Some("Unit 7"), None));
    }
}
