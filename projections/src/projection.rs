//! Projections: how events become rows. The same events always give the same rows.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::ops::ControlFlow;

use boarding_commands::commit::RecordedEvent;
use boarding_commands::values::CompanyId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::rows::{Rows, RowsError, RowsMut, Table};

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
    /// Whether many events in a row change the same row. It then stays decoded between them.
    const STAYS_OPEN: bool = false;
    type Row: Serialize + DeserializeOwned + 'static;

    /// The key of the row that the event changes; none if the event changes no row.
    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>>;

    /// The row after the event; none deletes the row.
    fn evolve(row: Option<Self::Row>, recorded: &RecordedEvent<'_>) -> Option<Self::Row>;
}

/// A projection without its row type, so that the engine can run all projections from one list.
#[derive(Debug, Clone, Copy)]
pub struct Projector {
    pub table: Table,
    pub version: u32,
    step: fn(&RecordedEvent<'_>, &mut dyn RowsMut, Option<&mut OpenRow>) -> Result<(), RowsError>,
}

/// A projector that applies many events. It keeps a row that they change again and again decoded.
#[derive(Debug)]
pub struct BatchProjector {
    projector: &'static Projector,
    open: OpenRow,
    position: u64,
}

impl BatchProjector {
    pub fn new(projector: &'static Projector) -> Self {
        Self { projector, open: OpenRow::default(), position: 0 }
    }

    /// Applies one event to the table. The changed row may be written later, at the latest by [`Self::finish`].
    ///
    /// # Errors
    /// [`ProjectionError`] with the position: the projection must not continue past this event.
    pub fn apply(
        &mut self,
        recorded: &RecordedEvent<'_>,
        rows: &mut dyn RowsMut,
    ) -> Result<(), ProjectionError> {
        self.position = recorded.position;
        let stepped = (self.projector.step)(recorded, rows, Some(&mut self.open));
        stepped.map_err(|cause| self.projector.failed(self.position, cause))
    }

    /// Writes the row that is still open.
    ///
    /// # Errors
    /// [`ProjectionError`] with the position of the last event.
    pub fn finish(mut self, rows: &mut dyn RowsMut) -> Result<(), ProjectionError> {
        let closed = self.open.close(self.projector.table, rows);
        closed.map_err(|cause| self.projector.failed(self.position, cause))
    }
}

/// The row that a projection changed last, decoded and not written yet.
#[derive(Debug, Default)]
struct OpenRow(Option<DecodedRow>);

struct DecodedRow {
    company: CompanyId,
    key: Vec<u8>,
    row: Box<dyn Any>,
    encode: fn(&dyn Any) -> Result<Vec<u8>, RowsError>,
}

impl fmt::Debug for DecodedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodedRow").field("company", &self.company).finish_non_exhaustive()
    }
}

impl OpenRow {
    /// Takes the row out, if it is the one with this key.
    fn take<P: Projection>(&mut self, company: &CompanyId, key: &[u8]) -> Option<P::Row> {
        let is_same = |open: &mut DecodedRow| open.company == *company && open.key == key;
        let open = self.0.take_if(is_same)?;
        open.row.downcast().ok().map(|row| *row)
    }

    /// Writes the row, if one is open.
    fn close(&mut self, table: Table, rows: &mut dyn RowsMut) -> Result<(), RowsError> {
        let Some(DecodedRow { company, key, row, encode }) = self.0.take() else { return Ok(()) };
        rows.put(table, &company, key, encode(&*row)?);
        Ok(())
    }
}

impl Projector {
    pub const fn of<P: Projection>() -> Self {
        Self { table: P::TABLE, version: P::VERSION, step: step::<P> }
    }

    /// Applies one event to the table.
    ///
    /// # Errors
    /// [`ProjectionError`] with the position: the projection must not continue past this event.
    pub fn apply(
        &self,
        recorded: &RecordedEvent<'_>,
        rows: &mut dyn RowsMut,
    ) -> Result<(), ProjectionError> {
        (self.step)(recorded, rows, None).map_err(|cause| self.failed(recorded.position, cause))
    }

    fn failed(&self, position: u64, cause: RowsError) -> ProjectionError {
        ProjectionError { table: self.table, position, cause }
    }
}

/// A projection could not apply an event.
#[derive(Debug)]
pub struct ProjectionError {
    pub table: Table,
    /// The position of the event in the whole log.
    pub position: u64,
    pub cause: RowsError,
}

impl fmt::Display for ProjectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "project position {} into {}", self.position, self.table)
    }
}

impl Error for ProjectionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
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

fn decode<P: Projection>(bytes: &[u8]) -> Result<P::Row, RowsError> {
    rmp_serde::from_slice(bytes)
        .map_err(|cause| RowsError::Undecodable { table: P::TABLE, cause: cause.into() })
}

fn encode<P: Projection>(row: &P::Row) -> Result<Vec<u8>, RowsError> {
    rmp_serde::to_vec(row)
        .map_err(|cause| RowsError::Unencodable { table: P::TABLE, cause: cause.into() })
}

fn step<P: Projection>(
    recorded: &RecordedEvent<'_>,
    rows: &mut dyn RowsMut,
    open: Option<&mut OpenRow>,
) -> Result<(), RowsError> {
    let Some(key) = P::key(recorded) else { return Ok(()) };
    let company = &recorded.commit.company;
    let mut open = open.filter(|_| P::STAYS_OPEN);
    let mut row = open.as_mut().and_then(|open| open.take::<P>(company, &key));
    if row.is_none() {
        if let Some(open) = &mut open {
            open.close(P::TABLE, rows)?;
        }
        let before = if P::READS { rows.get(P::TABLE, company, &key)? } else { None };
        row = before.map(|bytes| decode::<P>(&bytes)).transpose()?;
    }
    let was_there = row.is_some();
    match P::evolve(row, recorded) {
        Some(row) => match open {
            Some(open) => {
                let encode = |row: &dyn Any| match row.downcast_ref() {
                    Some(row) => encode::<P>(row),
                    None => Err(RowsError::Unencodable {
                        table: P::TABLE,
                        cause: "the open row is of another table".into(),
                    }),
                };
                open.0 =
                    Some(DecodedRow { company: company.clone(), key, row: Box::new(row), encode });
            }
            None => rows.put(P::TABLE, company, key, encode::<P>(&row)?),
        },
        None if was_there => rows.delete(P::TABLE, company, key),
        None => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::MemoryRows;
    use crate::testing::{TestCompany, run};
    use boarding_commands::event::Event;

    #[test]
    fn undecodable_row_stops_the_projection_with_its_position() {
        let company = TestCompany::new("acme").commit([Event::RunQueued { run: run(1) }]);
        let mut rows = MemoryRows::default();
        rows.put(Table::Lock, company.id(), vec![], b"damaged".to_vec());
        let error = company.each_event(|recorded| crate::apply(recorded, &mut rows)).unwrap_err();
        assert_eq!(error.to_string(), "project position 1 into lock");
        assert!(matches!(error.cause, RowsError::Undecodable { table: Table::Lock, .. }));
    }
}
