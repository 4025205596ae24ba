//! The metadata of the store: the applied position and the build of each table.

use std::collections::BTreeMap;

use boarding_projections::projectors;
use boarding_projections::rows::Table;
use serde::{Deserialize, Serialize};

use super::{Store, StoreError, keys};

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

impl Store {
    /// Reads the metadata; that of an empty store if there is none.
    ///
    /// # Errors
    /// When it cannot be read or decoded.
    pub fn read_meta(&self) -> Result<Meta, StoreError> {
        match self.get_raw(keys::META)? {
            None => Ok(Meta::empty()),
            Some(bytes) => {
                rmp_serde::from_slice(&bytes).map_err(|error| self.error("decode", error))
            }
        }
    }

    pub(crate) fn stage_meta(
        &self,
        meta: &Meta,
        batch: &mut sled::Batch,
    ) -> Result<(), StoreError> {
        let bytes = rmp_serde::to_vec(meta).map_err(|error| self.error("encode", error))?;
        batch.insert(keys::META, bytes);
        Ok(())
    }

    /// Finds unused builds that an earlier process did not remove.
    pub(crate) fn forgotten_builds(&self, meta: &Meta) -> Result<Vec<(Table, u8)>, StoreError> {
        let mut forgotten = Vec::new();
        for &table in Table::ALL {
            let mut from = Some(0);
            while let Some(number) = from {
                let mut found = None;
                self.scan_raw(&[table.id()], &keys::build(table, number), &mut |key, _| {
                    found = key.get(1).copied();
                    std::ops::ControlFlow::Break(())
                })?;
                forgotten.extend(
                    found.filter(|build| *build != meta.build(table)).map(|build| (table, build)),
                );
                from = found.and_then(|build| build.checked_add(1));
            }
        }
        Ok(forgotten)
    }

    /// Removes the rows of an unused build.
    pub(crate) fn remove_build(&self, table: Table, build: u8) -> Result<(), StoreError> {
        let prefix = keys::build(table, build);
        let mut all = Vec::new();
        self.scan_raw(&prefix, &[], &mut |key, _| {
            all.push(key.to_vec());
            std::ops::ControlFlow::Continue(())
        })?;
        for keys in all.chunks(10_000) {
            let mut batch = sled::Batch::default();
            keys.iter().for_each(|key| batch.remove(key.as_slice()));
            self.apply(batch)?;
        }
        Ok(())
    }
}
