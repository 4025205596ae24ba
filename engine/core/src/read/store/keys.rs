//! The keys of the store: the first byte is the kind of data.

use boarding_commands::values::{CommandId, CompanyId};
use boarding_projections::rows::Table;

/// `0`: the metadata of the store.
pub(crate) const META: &[u8] = b"\0meta";

/// The first byte of the command index, above all table numbers.
const COMMANDS: u8 = 0xf0;
/// The first byte of snapshots.
const SNAPSHOTS: u8 = 0xf1;

/// A row of a read model: table, build, company, 0, key. A company id has no zero byte.
pub(crate) fn row(table: Table, build: u8, company: &CompanyId, key: &[u8]) -> Vec<u8> {
    of_company(&[table.id(), build], company, key)
}

/// The prefix of all rows of one build of a table.
pub(crate) fn build(table: Table, build: u8) -> [u8; 2] {
    [table.id(), build]
}

/// The index entry of a command.
pub(crate) fn command(company: &CompanyId, command: CommandId) -> Vec<u8> {
    of_company(&[COMMANDS], company, &command.0.0.to_be_bytes())
}

/// One part of the snapshot of a company.
pub(crate) fn snapshot(company: &CompanyId, part: u32) -> Vec<u8> {
    of_company(&[SNAPSHOTS], company, &part.to_be_bytes())
}

/// The prefix of all snapshot parts of a company.
pub(crate) fn snapshots(company: &CompanyId) -> Vec<u8> {
    of_company(&[SNAPSHOTS], company, &[])
}

fn of_company(head: &[u8], company: &CompanyId, rest: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(head.len() + company.as_str().len() + 1 + rest.len());
    key.extend_from_slice(head);
    key.extend_from_slice(company.as_str().as_bytes());
    key.push(0);
    key.extend_from_slice(rest);
    key
}
