//! Projectors: projections without their row types. They apply events one by one, or in batches.

use std::error::Error;
use std::fmt;

use boarding_commands::commit::RecordedEvent;

use crate::batch::{BatchTable, batch_of};
use crate::projection::{Projection, decode, encode};
use crate::rows::{Rows, RowsError, RowsMut, Table, TakeRow};

/// A projection without its row type, so that the engine can run all projections from one list.
#[derive(Debug, Clone, Copy)]
pub struct Projector {
    pub table: Table,
    pub version: u32,
    step: fn(&RecordedEvent<'_>, &mut dyn RowsMut) -> Result<(), RowsError>,
    batch: fn() -> Box<dyn BatchTable>,
}

impl Projector {
    pub const fn of<P: Projection + 'static>() -> Self {
        Self { table: P::TABLE, version: P::VERSION, step: step::<P>, batch: batch_of::<P> }
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
        (self.step)(recorded, rows).map_err(|cause| self.failed(recorded.position, cause))
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

/// Applies events to tables as one batch, and hands out each changed row once. `before` has the rows as they were.
///
/// # Errors
/// [`ProjectionError`] with the position: no row is handed out then, unless a row cannot be encoded.
pub fn apply_batch<'e>(
    projectors: impl Iterator<Item = &'static Projector>,
    events: impl IntoIterator<Item = RecordedEvent<'e>>,
    before: &dyn Rows,
    take: &mut TakeRow<'_>,
) -> Result<(), ProjectionError> {
    let mut tables: Vec<_> = projectors.map(|one| (one, (one.batch)())).collect();
    let mut position = 0;
    for recorded in events {
        position = recorded.position;
        for (projector, table) in &mut tables {
            let applied = table.apply(&recorded, before);
            applied.map_err(|cause| projector.failed(position, cause))?;
        }
    }
    tables.into_iter().try_for_each(|(projector, table)| {
        table.finish(take).map_err(|cause| projector.failed(position, cause))
    })
}

fn step<P: Projection>(
    recorded: &RecordedEvent<'_>,
    rows: &mut dyn RowsMut,
) -> Result<(), RowsError> {
    let Some(key) = P::key(recorded) else { return Ok(()) };
    let company = &recorded.commit.company;
    let row = if P::READS { rows.get(P::TABLE, company, &key)? } else { None };
    let row = row.map(|bytes| decode::<P>(&bytes)).transpose()?;
    let was_there = row.is_some();
    match P::evolve(row, recorded) {
        Some(row) => rows.put(P::TABLE, company, key, encode::<P>(&row)?),
        None if was_there => rows.delete(P::TABLE, company, key),
        None => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projectors;
    use crate::rows::MemoryRows;
    use crate::testing::{TestCompany, run};
    use boarding_commands::event::Event;

    #[test]
    fn undecodable_row_stops_the_projection_with_its_position() {
        let company = TestCompany::new("acme").commit([Event::RunQueued { run: run(1) }]);
        let mut rows = MemoryRows::default();
        rows.put(Table::Lock, company.id(), vec![], b"damaged".to_vec());
        let events = company.commits().iter().flat_map(|commit| commit.events());
        let of_batch = apply_batch(projectors(), events, &rows, &mut |_, _, _, _| {}).unwrap_err();
        let alone = company.each_event(|recorded| crate::apply(recorded, &mut rows)).unwrap_err();
        for error in [of_batch, alone] {
            assert_eq!(error.to_string(), "project position 1 into lock");
            assert!(matches!(error.cause, RowsError::Undecodable { table: Table::Lock, .. }));
        }
    }
}
