//! What the store knows of itself: the position its rows stand for, and the build of each table.

use std::collections::BTreeMap;

use boarding_projections::projectors;
use boarding_projections::rows::Table;
use serde::{Deserialize, Serialize};

/// Written in the same batch as the rows: each event counts exactly once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The last position whose events are in the rows.
    pub position: u64,
    /// By table number.
    builds: BTreeMap<u8, Build>,
}

/// One build of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Part of the keys: a rebuild writes beside the rows that are read.
    pub number: u8,
    /// The projection's version that made it.
    pub version: u32,
}

impl Meta {
    /// A store without rows, for today's projections.
    pub fn empty() -> Self {
        let builds =
            projectors().map(|one| (one.table.id(), Build { number: 0, version: one.version }));
        Self { position: 0, builds: builds.collect() }
    }

    pub(crate) fn build(&self, table: Table) -> u8 {
        self.builds.get(&table.id()).map_or(0, |build| build.number)
    }

    /// The tables whose projection is not the one that made their rows.
    pub fn outdated(&self) -> Vec<Table> {
        let current = |table: Table, version| {
            self.builds.get(&table.id()).is_some_and(|b| b.version == version)
        };
        projectors().filter(|one| !current(one.table, one.version)).map(|one| one.table).collect()
    }

    /// The same, with new builds for these tables.
    #[must_use]
    pub(crate) fn rebuilt(&self, tables: &[Table]) -> Self {
        let mut meta = self.clone();
        for one in projectors().filter(|one| tables.contains(&one.table)) {
            let number = self.build(one.table).wrapping_add(1);
            meta.builds.insert(one.table.id(), Build { number, version: one.version });
        }
        meta
    }
}
