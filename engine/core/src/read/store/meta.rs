//! The metadata of the store: the applied position and the build of each table.

use std::collections::BTreeMap;

use boarding_projections::projectors;
use boarding_projections::rows::Table;
use serde::{Deserialize, Serialize};

/// The metadata is written in the same batch as the rows, so each event is applied exactly once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The last applied position.
    pub position: u64,
    /// By table number.
    builds: BTreeMap<u8, Build>,
}

/// One build of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// A part of the keys: a rebuild writes new rows beside the current ones.
    pub number: u8,
    /// The version of the projection that wrote it.
    pub version: u32,
}

impl Meta {
    /// The metadata of an empty store with the current projections.
    pub fn empty() -> Self {
        let builds =
            projectors().map(|one| (one.table.id(), Build { number: 0, version: one.version }));
        Self { position: 0, builds: builds.collect() }
    }

    pub(crate) fn build(&self, table: Table) -> u8 {
        self.builds.get(&table.id()).map_or(0, |build| build.number)
    }

    /// The tables whose rows were written by another version of their projection.
    pub fn outdated(&self) -> Vec<Table> {
        let current = |table: Table, version| {
            self.builds.get(&table.id()).is_some_and(|b| b.version == version)
        };
        projectors().filter(|one| !current(one.table, one.version)).map(|one| one.table).collect()
    }

    /// A copy with new builds for these tables.
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
