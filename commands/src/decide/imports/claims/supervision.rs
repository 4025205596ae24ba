//! Which rows fail because the row of their supervisor fails, where a supervisor may be in a later row.

use std::collections::{HashMap, HashSet};

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
    /// Adds to the failed rows those whose supervisor is not created. Returns whether it added any.
    pub(super) fn add_failed(&self, failed: &mut HashSet<u64>) -> bool {
        let before = failed.len();
        loop {
            let more: Vec<u64> = self.unsupervised(failed).map(|one| one.row).collect();
            let known = failed.len();
            failed.extend(more);
            if failed.len() == known {
                return known > before;
            }
        }
    }

    /// The supervisors that no row creates.
    pub(super) fn absent(&self, failed: &HashSet<u64>) -> HashSet<String> {
        self.unsupervised(failed).map(|one| one.supervisor.clone()).collect()
    }

    fn unsupervised<'s>(
        &'s self,
        failed: &'s HashSet<u64>,
    ) -> impl Iterator<Item = &'s Supervised> {
        let is_created = |key: &String| {
            self.created.get(key) == Some(&true)
                && self.rows.get(key).is_some_and(|row| !failed.contains(row))
        };
        self.supervised.iter().filter(move |one| !is_created(&one.supervisor))
    }
}
