//! The keys of the store: the first byte is the kind of data.

use boarding_commands::values::{CommandId, CompanyId};
use boarding_projections::rows::Table;

/// `0`: the metadata of the store.
pub(crate) const META: &[u8] = b"\0meta";

/// The first byte of the command index, above all table numbers.
const COMMANDS: u8 = 0xf0;
/// The first byte of the snapshots of earlier programs.
const FORMER_SNAPSHOTS: u8 = 0xf1;
/// The first byte of changes that are stored before they are merged into the blocks.
const REDO: u8 = 0xf2;

/// A row of a read model: table, build, company, 0, key. A company id has no zero byte.
pub(crate) fn row(table: Table, build: u8, company: &CompanyId, key: &[u8]) -> Vec<u8> {
    of_company(&[table.id(), build], company, key)
}

/// The group of a row's key: all before the key inside its company. Rows of one group may share a block.
pub(crate) fn group(key: &[u8]) -> &[u8] {
    let head = if key.first() == Some(&COMMANDS) { 1 } else { 2 };
    let company = key.iter().skip(head).position(|byte| *byte == 0);
    company.and_then(|length| key.get(..=head + length)).unwrap_or(key)
}

/// The prefix of all rows of one build of a table.
pub(crate) fn build(table: Table, build: u8) -> [u8; 2] {
    [table.id(), build]
}

/// The index entry of a command.
pub(crate) fn command(company: &CompanyId, command: CommandId) -> Vec<u8> {
    of_company(&[COMMANDS], company, &command.0.0.to_be_bytes())
}

/// One part of the changes of a write.
pub(crate) fn redo(write: u64, part: u32) -> Vec<u8> {
    [redos_of(write).as_slice(), &part.to_be_bytes()].concat()
}

/// The prefix of the parts of one write.
pub(crate) fn redos_of(write: u64) -> Vec<u8> {
    [redos().as_slice(), &write.to_be_bytes()].concat()
}

/// The prefix of the parts of all writes.
pub(crate) fn redos() -> [u8; 1] {
    [REDO]
}

/// Whether the digest of the tree counts the key. The metadata holds the digest. Snapshots of earlier programs are
/// only removed.
pub(crate) fn is_counted(key: &[u8]) -> bool {
    key != META && key.first() != Some(&FORMER_SNAPSHOTS)
}

/// The prefix of the snapshots of companies, which earlier programs kept here.
pub(crate) fn former_snapshots() -> [u8; 1] {
    [FORMER_SNAPSHOTS]
}

fn of_company(head: &[u8], company: &CompanyId, rest: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(head.len() + company.as_str().len() + 1 + rest.len());
    key.extend_from_slice(head);
    key.extend_from_slice(company.as_str().as_bytes());
    key.push(0);
    key.extend_from_slice(rest);
    key
}
