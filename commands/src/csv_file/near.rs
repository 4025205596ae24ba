//! Which of several names is meant by one that is none of them.

use std::collections::{BTreeMap, HashMap};

use super::header::{LIKENESS, plain};

/// The most names that are compared letter by letter, in names: every row of a file may have another one that
/// is none of them.
const COMPARED_MAX: usize = 200;

/// The names there are, by what counts in them.
#[derive(Debug)]
pub struct Near<'n> {
    names: BTreeMap<String, &'n str>,
    /// What was asked for before, and what it meant.
    found: HashMap<String, Option<&'n str>>,
}

impl<'n> Near<'n> {
    /// Of names that differ in nothing that counts, the first is the one that is meant.
    pub fn of(names: impl Iterator<Item = &'n str>) -> Self {
        let mut by_plain = BTreeMap::new();
        for name in names {
            by_plain.entry(plain(name)).or_insert(name);
        }
        Self { names: by_plain, found: HashMap::new() }
    }

    /// The one that is the same but for case, blanks, punctuation and width, or else the one most alike.
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
            let likeness = strsim::normalized_damerau_levenshtein(&name, plain);
            if likeness >= LIKENESS && best.is_none_or(|(most, _)| likeness > most) {
                best = Some((likeness, known));
            }
        }
        let best = best.map(|(_, known)| known);
        self.found.insert(name, best);
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OCM-09, N75: what people write otherwise, and slips; a name that is another one is not guessed at.
    #[test]
    fn ocm_09_n75_a_near_miss_is_found() {
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
