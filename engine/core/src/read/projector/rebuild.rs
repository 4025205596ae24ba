//! Rebuilds tables beside the current ones, and removes replaced builds.

use std::sync::Arc;

use boarding_projections::rows::Table;

use super::log_batch::{next_entries, stage};
use super::{Follower, ProjectError, Retired};
use crate::read::store::view::View;

impl Follower {
    /// Rebuilds tables up to the position of the others.
    pub(super) fn rebuild(&mut self, tables: &[Table]) -> Result<(), ProjectError> {
        let old = self.meta.clone();
        let meta = old.rebuilt(tables);
        for &table in tables {
            self.shared.store.remove_build(table, meta.build(table))?;
        }
        let lease = Arc::new(());
        let view = self.shared.store.view(meta.clone(), &lease);
        if let Err(error) = self.fill(&view, tables, meta.position) {
            for &table in tables {
                self.shared.store.remove_build(table, meta.build(table))?;
            }
            return Err(error);
        }
        self.write(&meta)?;
        let before = std::mem::replace(&mut self.lease, lease);
        let builds = tables.iter().map(|&table| (table, old.build(table))).collect();
        self.retired.push(Retired { lease: Arc::downgrade(&before), builds });
        self.adopt(meta);
        Ok(())
    }

    /// Applies the log up to this position to the tables of the view.
    fn fill(&mut self, view: &View, tables: &[Table], end: u64) -> Result<(), ProjectError> {
        let mut reader = self.log.read_all(1);
        loop {
            let entries = next_entries(&mut *reader, end)?;
            if entries.is_empty() {
                return Ok(());
            }
            self.shared.store.add(stage(view, &entries, tables)?);
            self.unwritten_batches += 1;
            self.write_when_many()?;
        }
    }

    /// Removes replaced builds that no query reads any more.
    pub(super) fn sweep(&mut self) -> Result<(), ProjectError> {
        let (over, read) = std::mem::take(&mut self.retired)
            .into_iter()
            .partition(|one| one.lease.strong_count() == 0);
        self.retired = read;
        for (table, build) in Vec::into_iter(over).flat_map(|one: Retired| one.builds) {
            self.shared.store.remove_build(table, build)?;
        }
        Ok(())
    }
}
