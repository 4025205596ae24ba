//! Which rows fail because the row of their supervisor fails, where a supervisor may be in a later row.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// A row that creates a person whose supervisor is created by another row.
#[derive(Debug)]
pub(super) struct Supervised {
    pub(super) row: u64,
    /// The folded key of the supervisor.
    pub(super) supervisor: String,
}

/// What the rows of a file say about supervisors.
#[derive(Debug, Default)]
pub(super) struct Supervision {
    pub(super) supervised: Vec<Supervised>,
    /// The folded keys of the people that rows create, each with whether the person may be a supervisor.
    pub(super) created: HashMap<String, bool>,
    /// The folded keys in the rows, each with its first valid row.
    pub(super) rows: HashMap<String, u64>,
}

impl Supervision {
    /// The rows whose supervisor no row creates.
    pub(super) fn unsupervised(&self) -> Vec<u64> {
        let alone = self.supervised.iter().filter(|one| self.creating_row(one).is_none());
        alone.map(|one| one.row).collect()
    }

    /// The rows that fail with a row, because it creates their supervisor.
    pub(super) fn dependents(&self) -> HashMap<u64, Vec<u64>> {
        let mut dependents: HashMap<u64, Vec<u64>> = HashMap::new();
        for one in &self.supervised {
            if let Some(row) = self.creating_row(one) {
                dependents.entry(row).or_default().push(one.row);
            }
        }
        dependents
    }

    /// The supervisors that no row creates.
    pub(super) fn absent(&self, failed: &HashSet<u64>) -> HashSet<String> {
        let fails =
            |one: &&Supervised| self.creating_row(one).is_none_or(|row| failed.contains(&row));
        self.supervised.iter().filter(fails).map(|one| one.supervisor.clone()).collect()
    }

    /// The row that creates the supervisor, if it succeeds.
    fn creating_row(&self, one: &Supervised) -> Option<u64> {
        let may_supervise = self.created.get(&one.supervisor) == Some(&true);
        self.rows.get(&one.supervisor).copied().filter(|_| may_supervise)
    }
}

/// Everything that fails with these. `follow` is called once for each, and adds what fails with it.
pub(super) fn spread<T: Copy + Eq + Hash>(
    mut open: Vec<T>,
    mut follow: impl FnMut(T, &mut Vec<T>),
) -> HashSet<T> {
    let mut failed = HashSet::new();
    while let Some(one) = open.pop() {
        if failed.insert(one) {
            follow(one, &mut open);
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chain of supervisors as long as the file costs one step for each row.
    #[test]
    fn chain_of_supervisors_costs_one_step_a_row() {
        const ROWS: u64 = 5_000;
        let key = |row: u64| format!("user{row}");
        // Each row is supervised by the next one, so no order of the file helps. The last one has none.
        let supervised = (1..=ROWS).map(|row| Supervised { row, supervisor: key(row + 1) });
        let chain = Supervision {
            supervised: supervised.collect(),
            created: (1..=ROWS).map(|row| (key(row), true)).collect(),
            rows: (1..=ROWS).map(|row| (key(row), row)).collect(),
        };
        let (dependents, mut steps) = (chain.dependents(), 0);
        let failed = spread(chain.unsupervised(), |row, more| {
            let next = dependents.get(&row).into_iter().flatten();
            steps += 1 + next.clone().count();
            more.extend(next);
        });
        assert_eq!(failed.len() as u64, ROWS);
        assert!(steps as u64 <= 2 * ROWS, "{steps} steps");
        assert_eq!(chain.absent(&failed).len() as u64, ROWS);
    }
}
