//! Projections: how events become rows. The same events always give the same rows.

use std::ops::ControlFlow;

use boarding_commands::commit::RecordedEvent;
use boarding_commands::values::CompanyId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::rows::{Rows, RowsError, Table};

/// How the events of a company become the rows of one table.
///
/// A projection reads and writes its own table only, so projections may run in any order. Queries
/// join the tables. `evolve` cannot fail: history is never refused.
pub trait Projection {
    const TABLE: Table;
    /// Raise this by one when the row, the key or `evolve` changes: the engine then rebuilds the table.
    const VERSION: u32;
    /// Whether `evolve` needs the row as it was before the event. If false, the row is not read.
    const READS: bool = true;
    type Row: Serialize + DeserializeOwned + 'static;

    /// The key of the row that the event changes; none if the event changes no row.
    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>>;

    /// The row after the event; none deletes the row.
    fn evolve(row: Option<Self::Row>, recorded: &RecordedEvent<'_>) -> Option<Self::Row>;
}

/// The row of a key; none if the table has no such row.
pub(crate) fn load<P: Projection>(
    rows: &dyn Rows,
    company: &CompanyId,
    key: &[u8],
) -> Result<Option<P::Row>, RowsError> {
    rows.get(P::TABLE, company, key)?.map(|bytes| decode::<P>(&bytes)).transpose()
}

/// Visits the decoded rows whose key begins with `prefix` and is not below `from`, in key order.
///
/// # Errors
/// The first error of the store, of decoding a row or of `visit`; the scan ends there.
pub(crate) fn scan<P: Projection>(
    rows: &dyn Rows,
    company: &CompanyId,
    prefix: &[u8],
    from: &[u8],
    mut visit: impl FnMut(&[u8], P::Row) -> Result<ControlFlow<()>, RowsError>,
) -> Result<(), RowsError> {
    let mut failed = None;
    rows.scan(P::TABLE, company, prefix, from, &mut |key, bytes| {
        decode::<P>(bytes).and_then(|row| visit(key, row)).unwrap_or_else(|error| {
            failed = Some(error);
            ControlFlow::Break(())
        })
    })?;
    failed.map_or(Ok(()), Err)
}

/// A key that sorts higher versions first, for lists that show the newest entry first.
pub(crate) fn newest_first(version: u64) -> Vec<u8> {
    (!version).to_be_bytes().into()
}

pub(crate) fn decode<P: Projection>(bytes: &[u8]) -> Result<P::Row, RowsError> {
    rmp_serde::from_slice(bytes)
        .map_err(|cause| RowsError::Undecodable { table: P::TABLE, cause: cause.into() })
}

pub(crate) fn encode<P: Projection>(row: &P::Row) -> Result<Vec<u8>, RowsError> {
    rmp_serde::to_vec(row)
        .map_err(|cause| RowsError::Unencodable { table: P::TABLE, cause: cause.into() })
}
