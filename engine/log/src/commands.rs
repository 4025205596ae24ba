//! An index of commands in memory: of the newest commits, until the durable index has them, or of old commits while the
//! durable index is filled again.

use std::collections::{HashMap, VecDeque};

use boarding_commands::values::{CommandId, CompanyId};

use crate::Location;

/// The commits per table: 7/8 of 2^16, the most that a table of 2^16 slots holds before it grows.
/// A table takes 1.6 MB, 29 bytes per commit, and is freed as a whole.
const GENERATION_COMMITS: usize = 57_344;

/// Finds a commit by its command. Keys are 128 bits of a hash, so the caller must compare the commit.
#[derive(Debug, Default)]
pub struct CommandIndex {
    generations: VecDeque<Generation>,
}

#[derive(Debug)]
struct Generation {
    last_position: u64,
    locations: HashMap<Key, Location>,
}

type Key = [u64; 2];

impl CommandIndex {
    /// Adds the commit of a command.
    pub fn insert(&mut self, company: &CompanyId, command: CommandId, position: u64, at: Location) {
        if self.generations.back().is_none_or(|newest| newest.locations.len() >= GENERATION_COMMITS)
        {
            self.generations.push_back(Generation { last_position: 0, locations: HashMap::new() });
        }
        if let Some(newest) = self.generations.back_mut() {
            // Appends in flight at the same time may be inserted in either order.
            newest.last_position = newest.last_position.max(position);
            newest.locations.insert(key(company, command), at);
        }
    }

    /// The location of the commit of a command.
    pub fn find(&self, company: &CompanyId, command: CommandId) -> Option<Location> {
        let key = key(company, command);
        self.generations.iter().rev().find_map(|generation| generation.locations.get(&key)).copied()
    }

    /// Frees the tables that have no commit after the position.
    pub(super) fn forget_up_to(&mut self, position: u64) {
        while self.generations.front().is_some_and(|oldest| oldest.last_position <= position) {
            self.generations.pop_front();
        }
    }
}

fn key(company: &CompanyId, command: CommandId) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(company.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(&command.0.0.to_be_bytes());
    let hash = hasher.finalize();
    let (halves, _) = hash.as_bytes().as_chunks::<8>();
    let half = |at: usize| halves.get(at).copied().map_or(0, u64::from_le_bytes);
    [half(0), half(1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ulid::Ulid;

    #[test]
    fn only_tables_without_later_commits_are_freed() {
        let company: CompanyId = "acme".parse().unwrap();
        let mut commands = CommandIndex::default();
        let last = GENERATION_COMMITS as u64 + 10;
        for position in 1..=last {
            commands.insert(
                &company,
                CommandId(Ulid(position.into())),
                position,
                Location(position),
            );
        }
        let find =
            |commands: &CommandIndex, n: u64| commands.find(&company, CommandId(Ulid(n.into())));
        commands.forget_up_to(GENERATION_COMMITS as u64 - 1);
        assert_eq!(find(&commands, 1), Some(Location(1)));
        commands.forget_up_to(GENERATION_COMMITS as u64);
        assert_eq!(find(&commands, 1), None);
        assert_eq!(find(&commands, last), Some(Location(last)));
        commands.forget_up_to(last);
        assert_eq!(find(&commands, last), None);
        assert!(commands.generations.is_empty());
    }
}
