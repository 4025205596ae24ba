//! Finds values that an import moves between people of its file, as a column that slipped by some rows does.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use boarding_commands::company::INDEXED;
use boarding_commands::decide::imports::forecast::Change;
use boarding_commands::values::{Code, Problem};

/// Values that only one person has, beside the indexed attributes. A single move is worth a warning.
const OWN: [&str; 2] = ["email", "phone"];
/// Other values that people have in common. Some of them move by chance.
const SHARED: [&str; 2] = ["first_name", "last_name"];
/// Fewer moves than this, of values that several people share, may be chance.
const SHARED_MIN: u64 = 3;

/// The changed values of a file, as hashes: 50 bytes for each.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// Who had a value before, by field and value.
    before: HashMap<(u8, u64), u64>,
    /// Who gets a value.
    after: Vec<(u8, u64, u64)>,
}

impl Moves {
    pub(super) fn add(&mut self, key: &str, changes: &[Change]) {
        let key = hash(key);
        for change in changes {
            let Some(field) = field(&change.field) else { continue };
            if let Some(old) = &change.old {
                self.before.insert((field, hash(&old.to_lowercase())), key);
            }
            if let Some(new) = &change.new {
                self.after.push((field, hash(&new.to_lowercase()), key));
            }
        }
    }

    /// A warning for each field whose values moved.
    pub(super) fn warnings(&self) -> Vec<Problem> {
        let warning = |(name, at): (&'static str, u8)| {
            let moved = self.after.iter().filter(|(field, value, key)| {
                *field == at && self.before.get(&(at, *value)).is_some_and(|other| other != key)
            });
            let count = moved.count() as u64;
            let least = if SHARED.contains(&name) { SHARED_MIN } else { 1 };
            let words = match count {
                1 => "1 value moves".to_owned(),
                count => format!("{count} values move"),
            };
            let problem = Problem::in_column(name, Code::ImportValuesMoved);
            (count >= least).then(|| problem.saying(&words))
        };
        names().zip(0..).filter_map(warning).collect()
    }
}

/// The fields whose moves are counted.
fn names() -> impl Iterator<Item = &'static str> {
    OWN.into_iter().chain(INDEXED).chain(SHARED)
}

fn field(name: &str) -> Option<u8> {
    let name = match name.strip_prefix("attributes.") {
        Some(attribute) => INDEXED.into_iter().find(|one| *one == attribute)?,
        None => name,
    };
    names().zip(0..).find(|(one, _)| *one == name).map(|(_, at)| at)
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N99: values that move between people are warned of. A value that only leaves one person is not.
    #[test]
    fn slipped_values_are_counted() {
        let change = |field: &str, old: &str, new: &str| {
            let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            vec![Change { field: field.to_owned(), old: text(old), new: text(new) }]
        };
        let mut moves = Moves::default();
        moves.add("a", &change("email", "a@x", "b@x"));
        moves.add("b", &change("email", "b@x", "new@x"));
        moves.add("c", &change("last_name", "Poe", "Orr"));
        moves.add("d", &change("last_name", "Orr", "Poe"));
        let warnings = moves.warnings();
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].message.contains("1 value moves"), "{}", warnings[0].message);
    }
}
