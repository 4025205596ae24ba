//! Rows in memory: for tests, verification by replay, and queries at an earlier position.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use boarding_commands::values::CompanyId;

use super::{Rows, RowsError, RowsMut, Table, Visit};

/// Rows in key order. Two sets are equal if they have the same rows, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemoryRows {
    /// Never contains an empty map, so that equal rows mean equal maps.
    tables: BTreeMap<(Table, CompanyId), BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl MemoryRows {
    /// Every row: table, company, key and bytes.
    pub fn iter(&self) -> impl Iterator<Item = (Table, &CompanyId, &[u8], &[u8])> {
        self.tables.iter().flat_map(|((table, company), rows)| {
            rows.iter().map(move |(key, row)| (*table, company, key.as_slice(), row.as_slice()))
        })
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.tables.values().map(BTreeMap::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    fn find(&self, table: Table, company: &CompanyId, key: &[u8]) -> Option<Vec<u8>> {
        self.tables.get(&(table, company.clone()))?.get(key).cloned()
    }
}

impl Rows for MemoryRows {
    fn get(
        &self,
        table: Table,
        company: &CompanyId,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, RowsError> {
        Ok(self.find(table, company, key))
    }

    fn scan(
        &self,
        table: Table,
        company: &CompanyId,
        prefix: &[u8],
        from: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), RowsError> {
        let Some(rows) = self.tables.get(&(table, company.clone())) else { return Ok(()) };
        let start = prefix.max(from).to_vec();
        for (key, row) in rows.range(start..) {
            if !key.starts_with(prefix) || visit(key, row) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }
}

impl RowsMut for MemoryRows {
    fn get(
        &self,
        table: Table,
        company: &CompanyId,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, RowsError> {
        Ok(self.find(table, company, key))
    }

    fn put(&mut self, table: Table, company: &CompanyId, key: Vec<u8>, row: Vec<u8>) {
        self.tables.entry((table, company.clone())).or_default().insert(key, row);
    }

    fn delete(&mut self, table: Table, company: &CompanyId, key: Vec<u8>) {
        let table = (table, company.clone());
        let Some(rows) = self.tables.get_mut(&table) else { return };
        rows.remove(&key);
        if rows.is_empty() {
            self.tables.remove(&table);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(rows: &MemoryRows, prefix: &[u8], from: &[u8]) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        let acme = "acme".parse().unwrap();
        rows.scan(Table::Users, &acme, prefix, from, &mut |key, _| {
            keys.push(key.to_vec());
            ControlFlow::Continue(())
        })
        .unwrap();
        keys
    }

    #[test]
    fn scan_visits_rows_from_the_start_under_the_prefix() {
        let (acme, globex) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let mut rows = MemoryRows::default();
        for key in ["a1", "b1", "b2", "b3", "c1"] {
            rows.put(Table::Users, &acme, key.into(), vec![]);
        }
        rows.put(Table::Users, &globex, b"b9".to_vec(), vec![]);
        rows.put(Table::Roles, &acme, b"b9".to_vec(), vec![]);
        assert_eq!(scanned(&rows, b"b", b""), [b"b1", b"b2", b"b3"]);
        assert_eq!(scanned(&rows, b"b", b"b2"), [b"b2", b"b3"]);
        assert_eq!(scanned(&rows, b"", b"c"), [b"c1"]);
        assert!(scanned(&rows, b"b", b"c").is_empty());
    }

    #[test]
    fn deleted_rows_leave_an_empty_set() {
        let acme = "acme".parse().unwrap();
        let mut rows = MemoryRows::default();
        rows.put(Table::Users, &acme, b"a".to_vec(), vec![1]);
        assert_eq!(rows.len(), 1);
        rows.delete(Table::Users, &acme, b"a".to_vec());
        assert_eq!(rows, MemoryRows::default());
    }
}
