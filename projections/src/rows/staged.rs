//! Staged changes on top of unchanged rows, to be written as one batch with the position.

use std::collections::HashMap;

use boarding_commands::values::CompanyId;

use super::{Rows, RowsError, RowsMut, Table};

/// Staged changes. A row that many events of a batch change is written once.
#[derive(Debug)]
pub struct StagedRows<'a, R: Rows + ?Sized> {
    below: &'a R,
    changes: HashMap<CompanyId, HashMap<Table, StagedTable>>,
}

/// The new bytes of each key; none deletes the row.
type StagedTable = HashMap<Vec<u8>, Option<Vec<u8>>>;

/// One row to write; to delete if `row` is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowChange {
    pub table: Table,
    pub company: CompanyId,
    pub key: Vec<u8>,
    pub row: Option<Vec<u8>>,
}

impl<'a, R: Rows + ?Sized> StagedRows<'a, R> {
    pub fn over(below: &'a R) -> Self {
        Self { below, changes: HashMap::new() }
    }

    /// The number of changed rows.
    pub fn len(&self) -> usize {
        self.changes.values().flat_map(HashMap::values).map(HashMap::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changed rows, each once, in no particular order.
    pub fn into_changes(self) -> impl Iterator<Item = RowChange> {
        self.changes.into_iter().flat_map(|(company, tables)| {
            let rows = tables.into_iter().flat_map(|(table, rows)| {
                rows.into_iter().map(move |(key, row)| (table, key, row))
            });
            rows.map(move |(table, key, row)| {
                let company = company.clone();
                RowChange { table, company, key, row }
            })
        })
    }

    fn stage(&mut self, table: Table, company: &CompanyId, key: Vec<u8>, row: Option<Vec<u8>>) {
        // Most events of a batch are of one company, so its id is rarely copied.
        let tables = match self.changes.get_mut(company) {
            Some(tables) => tables,
            None => self.changes.entry(company.clone()).or_default(),
        };
        tables.entry(table).or_default().insert(key, row);
    }
}

impl<R: Rows + ?Sized> RowsMut for StagedRows<'_, R> {
    fn get(
        &self,
        table: Table,
        company: &CompanyId,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, RowsError> {
        match self.changes.get(company).and_then(|tables| tables.get(&table)?.get(key)) {
            Some(staged) => Ok(staged.clone()),
            None => self.below.get(table, company, key),
        }
    }

    fn put(&mut self, table: Table, company: &CompanyId, key: Vec<u8>, row: Vec<u8>) {
        self.stage(table, company, key, Some(row));
    }

    fn delete(&mut self, table: Table, company: &CompanyId, key: Vec<u8>) {
        self.stage(table, company, key, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::MemoryRows;

    #[test]
    fn staged_changes_leave_the_rows_below_unchanged() {
        let acme: CompanyId = "acme".parse().unwrap();
        let mut below = MemoryRows::default();
        below.put(Table::Users, &acme, b"old".to_vec(), vec![1]);
        let mut staged = StagedRows::over(&below);
        staged.put(Table::Users, &acme, b"new".to_vec(), vec![2]);
        staged.put(Table::Users, &acme, b"new".to_vec(), vec![3]);
        staged.delete(Table::Users, &acme, b"old".to_vec());
        assert_eq!(staged.get(Table::Users, &acme, b"new").unwrap(), Some(vec![3]));
        assert_eq!(staged.get(Table::Users, &acme, b"old").unwrap(), None);
        assert_eq!((staged.len(), below.len()), (2, 1));
        let mut changes: Vec<_> = staged.into_changes().map(|c| (c.key, c.row)).collect();
        changes.sort();
        assert_eq!(changes, [(b"new".to_vec(), Some(vec![3])), (b"old".to_vec(), None)]);
    }
}
