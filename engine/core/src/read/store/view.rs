//! A view of the current rows, each table in its current build.

use std::sync::Arc;

use boarding_commands::values::CompanyId;
use boarding_projections::rows::{Rows, RowsError, Table, Visit};

use super::{Meta, Store, keys};

/// The rows of one build of each table.
#[derive(Debug, Clone)]
pub struct View {
    store: Store,
    meta: Meta,
    _lease: Arc<()>,
}

impl Store {
    /// A view of the current rows, each table in its current build. The lease keeps these builds.
    pub fn view(&self, meta: Meta, lease: &Arc<()>) -> View {
        View { store: self.clone(), meta, _lease: Arc::clone(lease) }
    }
}

impl View {
    /// The applied position when the view was created; the rows may be newer.
    pub fn position(&self) -> u64 {
        self.meta.position
    }

    /// The key of a row in the store.
    pub(crate) fn key(&self, table: Table, company: &CompanyId, key: &[u8]) -> Vec<u8> {
        keys::row(table, self.meta.build(table), company, key)
    }
}

impl Rows for View {
    fn get(
        &self,
        table: Table,
        company: &CompanyId,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, RowsError> {
        let key = self.key(table, company, key);
        self.store.get_row(&key).map_err(|cause| RowsError::Store { table, cause: cause.into() })
    }

    fn scan(
        &self,
        table: Table,
        company: &CompanyId,
        prefix: &[u8],
        from: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), RowsError> {
        let build = self.meta.build(table);
        let base = keys::row(table, build, company, &[]);
        let (prefix, from) =
            (keys::row(table, build, company, prefix), keys::row(table, build, company, from));
        let mut visit =
            |key: &[u8], row: &[u8]| visit(key.get(base.len()..).unwrap_or_default(), row);
        self.store
            .scan_rows(&prefix, &from, &mut visit)
            .map_err(|cause| RowsError::Store { table, cause: cause.into() })
    }
}
