//! The metadata of the store: the applied position, and the current build of each table.

use std::collections::BTreeMap;

use boarding_projections::projectors;
use boarding_projections::rows::Table;
use serde::{Deserialize, Serialize};

use super::content::ContentDigest;
use super::tree::StoreCause;

/// The metadata is written together with the changes of rows, so each event is applied exactly once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The last applied position.
    pub position: u64,
    /// By table number.
    builds: BTreeMap<u8, Build>,
}

/// The metadata as it is stored.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredMeta {
    /// How rows are stored. An older program does not know this number, so it builds its rows again from the log.
    layout: u32,
    pub meta: Meta,
    /// The number of the write that it belongs to.
    pub write: u64,
    /// The number of parts of changes that are to be merged.
    pub redo_parts: u32,
    /// The digest of the tree that this metadata was written with; none in a tree of an earlier program.
    #[serde(default)]
    pub digest: Option<ContentDigest>,
}

/// Rows are packed in blocks. The first layout, a row in each value, had only the metadata.
const LAYOUT: u32 = 2;

impl StoredMeta {
    pub(super) fn of(meta: &Meta, write: u64, redo_parts: u32) -> Self {
        Self { layout: LAYOUT, meta: meta.clone(), write, redo_parts, digest: None }
    }

    /// The metadata of an empty tree.
    pub(super) fn empty() -> Self {
        Self { digest: Some(ContentDigest::default()), ..Self::of(&Meta::empty(), 0, 0) }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreCause> {
        rmp_serde::to_vec(self).map_err(|_| StoreCause::Damaged)
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        rmp_serde::from_slice::<Self>(bytes).ok().filter(|stored| stored.layout == LAYOUT)
    }

    /// Whether it is the metadata of the first layout.
    pub(super) fn is_first_layout(bytes: &[u8]) -> bool {
        rmp_serde::from_slice::<Meta>(bytes).is_ok()
    }
}

/// One build of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// The number of the build. It is part of each row's key, so that a rebuild writes its rows beside the current
    /// ones.
    pub number: u8,
    /// The version of the projection that wrote the rows.
    pub version: u32,
}

impl Meta {
    /// The metadata of an empty store with the current projections.
    pub fn empty() -> Self {
        let builds = projectors().map(|projector| {
            (projector.table.id(), Build { number: 0, version: projector.version })
        });
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
        let outdated =
            projectors().filter(|projector| !current(projector.table, projector.version));
        outdated.map(|projector| projector.table).collect()
    }

    /// A copy with new builds for these tables.
    #[must_use]
    pub(crate) fn rebuilt(&self, tables: &[Table]) -> Self {
        let mut meta = self.clone();
        for projector in projectors().filter(|projector| tables.contains(&projector.table)) {
            let (table, version) = (projector.table, projector.version);
            // The old build is removed after the rebuild, so its number may be used again.
            let number = self.build(table).wrapping_add(1);
            meta.builds.insert(table.id(), Build { number, version });
        }
        meta
    }
}
