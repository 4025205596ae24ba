//! What the rows of a file say about each other: created users, repeated keys, keys that look alike, shared addresses.

use std::collections::{HashMap, HashSet};

use boarding_csv::CellValue;
use unicode_normalization::UnicodeNormalization as _;

use super::created_keys::CreatedKeys;
use super::row::RowValues;
use super::same_key::hash;
use crate::values::{Phone, UserKey, fold, folded};

/// The most lines that a warning about several rows names.
const LINES_MAX: usize = 4;

/// What the rows of a file say about each other. Beside the created keys and the phones, its size
/// depends on the repeated keys, not on the rows.
#[derive(Debug, Default)]
pub struct FileFacts {
    pub(super) created: CreatedKeys,
    /// The keys of several rows, by what people see of them.
    repeated: HashSet<u64>,
    /// For keys that look the same, the first line of each.
    alike: HashMap<u64, Vec<u32>>,
    /// For an address of several people, the first line of each person.
    shared: HashMap<u64, Vec<u32>>,
    /// The phones of the rows; none if rows may take values from each other.
    apart: Option<Vec<Phone>>,
}

impl FileFacts {
    /// The phones of all rows, if the file alone shows that no row takes a value from another one: no two rows have one
    /// phone, none archives a person, and none names a supervisor, who may be created by another row.
    pub fn phones_apart(&self) -> Option<&[Phone]> {
        self.apart.as_deref()
    }

    /// Whether several rows have this key, or one that looks the same.
    pub(super) fn is_repeated(&self, key: &UserKey) -> bool {
        !self.repeated.is_empty() && self.repeated.contains(&looks(&key.folded()))
    }

    /// Where the other keys are that look like this one: the first line of each key of such a group, as words, without
    /// `line`, the row's own one. A later row of a key also has the line of the first row with that key.
    pub(super) fn alike(&self, key: &UserKey, line: u64) -> Option<String> {
        if self.alike.is_empty() {
            return None;
        }
        other_lines(self.alike.get(&looks(&key.folded()))?, line)
    }

    /// The first line of each person with this address, as words, without `line`, the row's own one.
    pub(super) fn shared(&self, email: &str, line: u64) -> Option<String> {
        if self.shared.is_empty() {
            return None;
        }
        other_lines(self.shared.get(&hash(&fold(email)))?, line)
    }
}

/// Collects the facts of a file, row by row: about 70 bytes for a row. The rows may come in any order.
#[derive(Debug, Default)]
pub struct FactCollector {
    /// The hash of each key with a valid row, its line, and whether that row creates the user.
    created: Vec<(u64, u32, bool)>,
    keys: Vec<Mention>,
    emails: Vec<Mention>,
    phones: Vec<Phone>,
    /// Whether a row archives a person, or names a supervisor, who may be created by another row.
    concerns_others: bool,
}

/// A row that mentions a value. Rows of one group have the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Mention {
    group: u64,
    line: u32,
    /// The hash of the row's key, cut to 32 bits: enough to tell the few keys of one group apart.
    key: u32,
}

impl FactCollector {
    /// Adds a row. `is_valid` says whether the row alone has no problem, `refers_ahead` whether rows of this dialect
    /// may name people of later rows.
    pub(super) fn add(
        &mut self,
        line: u64,
        values: &RowValues,
        is_valid: bool,
        refers_ahead: bool,
    ) {
        // Rows that are invalid count too, to be on the safe side.
        if let CellValue::Value(Ok(phone)) = values.phone {
            self.phones.push(phone);
        }
        self.concerns_others |= values.archived || values.supervisor.is_some();
        let Some(user) = &values.user else { return };
        let key = folded(user.as_str());
        let own = hash(&key);
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        self.keys.push(Mention { group: looks(&key), line, key: cut(own) });
        if !is_valid {
            return;
        }
        if refers_ahead {
            let creates = values.enabled != Some(false) && !values.archived;
            self.created.push((own, line, creates));
        }
        if let CellValue::Value(email) = &values.email {
            let email = folded(email);
            if email != key {
                self.emails.push(Mention { group: hash(&email), line, key: cut(own) });
            }
        }
    }

    /// Adds the rows of another collector.
    #[must_use]
    pub fn with(mut self, mut other: Self) -> Self {
        self.created.append(&mut other.created);
        self.keys.append(&mut other.keys);
        self.emails.append(&mut other.emails);
        self.phones.append(&mut other.phones);
        self.concerns_others |= other.concerns_others;
        self
    }

    /// The facts of all rows.
    pub fn finish(self) -> FileFacts {
        let Self { created, mut keys, mut emails, mut phones, concerns_others } = self;
        keys.sort_unstable();
        emails.sort_unstable();
        phones.sort_unstable();
        let is_apart =
            !concerns_others && phones.windows(2).all(|pair| pair.first() != pair.last());
        FileFacts {
            created: CreatedKeys::of(created),
            repeated: repeated(&keys),
            alike: lines_of_shared(&keys),
            shared: lines_of_shared(&emails),
            apart: is_apart.then_some(phones),
        }
    }
}

/// The groups of several rows. The keys are sorted.
fn repeated(keys: &[Mention]) -> HashSet<u64> {
    let groups = keys.chunk_by(|a, b| a.group == b.group).filter(|group| group.len() > 1);
    groups.filter_map(|group| group.first().map(|one| one.group)).collect()
}

/// For each group with several keys, the first line of each key. The mentions are sorted.
fn lines_of_shared(mentions: &[Mention]) -> HashMap<u64, Vec<u32>> {
    let mut lines = HashMap::new();
    for group in mentions.chunk_by(|a, b| a.group == b.group) {
        let Some(first) = group.first().filter(|one| group.iter().any(|b| b.key != one.key)) else {
            continue;
        };
        let mut seen = HashSet::new();
        let firsts = group.iter().filter(|one| seen.insert(one.key)).map(|one| one.line);
        lines.insert(first.group, firsts.take(LINES_MAX + 1).collect());
    }
    lines
}

/// `line 3`, or `lines 3, 5`: the lines without the row's own one.
fn other_lines(lines: &[u32], own: u64) -> Option<String> {
    let others: Vec<_> = lines.iter().filter(|line| u64::from(**line) != own).collect();
    let named = others.iter().take(LINES_MAX).map(ToString::to_string).collect::<Vec<_>>();
    let more = if others.len() > LINES_MAX { ", …" } else { "" };
    match named.len() {
        0 => None,
        1 => Some(format!("line {}", named.concat())),
        _ => Some(format!("lines {}{more}", named.join(", "))),
    }
}

/// The hash of what people see of a folded key: one form for characters of another width.
fn looks(folded: &str) -> u64 {
    if folded.is_ascii() {
        return hash(folded);
    }
    hash(&fold(&folded.nfkc().collect::<String>()))
}

fn cut(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::imports::import_file::testing::row;

    #[test]
    fn other_lines_are_named_up_to_the_limit() {
        let words = |lines: &[u32]| other_lines(lines, 3);
        assert_eq!(words(&[3]), None);
        assert_eq!(words(&[3, 5]).as_deref(), Some("line 5"));
        assert_eq!(words(&[2, 3, 5]).as_deref(), Some("lines 2, 5"));
        assert_eq!(words(&[2, 3, 5, 7, 9]).as_deref(), Some("lines 2, 5, 7, 9"));
        assert_eq!(words(&[2, 5, 7, 9, 11]).as_deref(), Some("lines 2, 5, 7, 9, …"));
    }

    /// A key that is an address shares it with no other person.
    #[test]
    fn people_with_one_address_are_named_by_line() {
        let mut facts = FactCollector::default();
        let mut add = |number, key: &str| {
            let mut row = row(number, key);
            row.values.email = CellValue::Value("desk@acme.example".to_owned());
            facts.add(row.line, &row.values, true, false);
        };
        for number in 1..=6 {
            add(number, &format!("u{number}"));
        }
        add(7, "u1");
        add(8, "Desk@acme.example");
        let facts = facts.finish();
        assert_eq!(facts.shared("DESK@acme.example", 2).as_deref(), Some("lines 3, 4, 5, 6"));
        assert_eq!(facts.shared("DESK@acme.example", 9).as_deref(), Some("lines 2, 3, 4, 5, …"));
        assert_eq!(facts.shared("ann@acme.example", 2), None);
        assert!(facts.is_repeated(&UserKey::new("U1")) && !facts.is_repeated(&UserKey::new("u2")));
    }
}
