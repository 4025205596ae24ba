//! A projection: a key and an evolve. Facts go in, rows come out; replayed, the same rows come out again.

use std::error::Error;
use std::fmt;

use boarding_commands::commit::Fact;
use boarding_commands::values::CompanyId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::rows::{Rows, RowsError, RowsMut, Table};

/// How the facts of a company become the rows of one table.
///
/// A projection sees its own table only, so their order means nothing; what belongs together is
/// joined when it is asked for. `evolve` never fails: history is never refused.
pub trait Projection {
    const TABLE: Table;
    /// Raised by one whenever the row, the key or the evolve changes: the engine then rebuilds the table.
    const VERSION: u32;
    /// Whether `evolve` looks at the row it is given. Without, the row is not even read.
    const READS: bool = true;
    type Row: Serialize + DeserializeOwned;

    /// The key of the one row that the fact touches, if it touches one.
    fn key(fact: &Fact<'_>) -> Option<Vec<u8>>;

    /// The row after the fact; none if there is none (any more).
    fn evolve(row: Option<Self::Row>, fact: &Fact<'_>) -> Option<Self::Row>;
}

/// A projection as the engine drives it, whatever its row.
#[derive(Debug, Clone, Copy)]
pub struct Projector {
    pub table: Table,
    pub version: u32,
    step: fn(&Fact<'_>, &mut dyn RowsMut) -> Result<(), RowsError>,
}

impl Projector {
    pub const fn of<P: Projection>() -> Self {
        Self { table: P::TABLE, version: P::VERSION, step: step::<P> }
    }

    /// Takes note of one fact.
    ///
    /// # Errors
    /// [`Stopped`], with the position: the projection must not go on past it.
    pub fn apply(&self, fact: &Fact<'_>, rows: &mut dyn RowsMut) -> Result<(), Stopped> {
        (self.step)(fact, rows).map_err(|cause| Stopped {
            table: self.table,
            position: fact.position,
            cause,
        })
    }
}

/// A projection could not take note of a fact.
#[derive(Debug)]
pub struct Stopped {
    pub table: Table,
    /// The position of the fact in the whole log.
    pub position: u64,
    pub cause: RowsError,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "project position {} into {}", self.position, self.table)
    }
}

impl Error for Stopped {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

/// One row of a projection, if it is there.
pub(crate) fn load<P: Projection>(
    rows: &dyn Rows,
    company: &CompanyId,
    key: &[u8],
) -> Result<Option<P::Row>, RowsError> {
    rows.get(P::TABLE, company, key)?.map(|bytes| decode::<P>(&bytes)).transpose()
}

/// A row from its stored bytes.
pub(crate) fn decode<P: Projection>(bytes: &[u8]) -> Result<P::Row, RowsError> {
    rmp_serde::from_slice(bytes)
        .map_err(|cause| RowsError::Undecodable { table: P::TABLE, cause: cause.into() })
}

fn step<P: Projection>(fact: &Fact<'_>, rows: &mut dyn RowsMut) -> Result<(), RowsError> {
    let Some(key) = P::key(fact) else { return Ok(()) };
    let company = &fact.commit.company;
    let before = if P::READS { rows.get(P::TABLE, company, &key)? } else { None };
    let was_there = before.is_some();
    let row = before.map(|bytes| decode::<P>(&bytes)).transpose()?;
    match P::evolve(row, fact) {
        Some(row) => {
            let bytes = rmp_serde::to_vec(&row)
                .map_err(|cause| RowsError::Unencodable { table: P::TABLE, cause: cause.into() })?;
            rows.put(P::TABLE, company, key, bytes);
        }
        None if was_there => rows.delete(P::TABLE, company, key),
        None => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::MemoryRows;
    use crate::testing::{Story, run};
    use boarding_commands::event::Event;

    #[test]
    fn bytes_that_do_not_decode_stop_the_projection_and_name_the_position() {
        let story = Story::of("acme").then([Event::RunQueued { run: run(1) }]);
        let mut rows = MemoryRows::default();
        rows.put(Table::Lock, story.company(), vec![], b"damaged".to_vec());
        let stopped = story.facts(|fact| crate::apply(fact, &mut rows)).unwrap_err();
        assert_eq!(stopped.to_string(), "project position 1 into lock");
        assert!(matches!(stopped.cause, RowsError::Undecodable { table: Table::Lock, .. }));
    }
}
