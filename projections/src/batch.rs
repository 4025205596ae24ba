//! The rows of one table that a batch changes. Each is read from the rows before the batch, and written once.

use std::collections::HashMap;

use boarding_commands::commit::RecordedEvent;
use boarding_commands::values::CompanyId;

use crate::projection::{Projection, decode, encode};
use crate::rows::{Rows, RowsError, TakeRow};

/// The rows of one table that a batch has changed.
pub(crate) trait BatchTable {
    fn apply(&mut self, recorded: &RecordedEvent<'_>, before: &dyn Rows) -> Result<(), RowsError>;
    fn finish(self: Box<Self>, take: &mut TakeRow<'_>) -> Result<(), RowsError>;
}

/// The changed rows of a projection.
struct ChangedRows<P: Projection>(HashMap<CompanyId, HashMap<Vec<u8>, ChangedRow<P::Row>>>);

/// A changed row. A new one is rarely changed again in its batch, so it is encoded at once, which takes less memory. A
/// row that was there before stays decoded: further events of the batch often change it again.
enum ChangedRow<R> {
    Encoded(Vec<u8>),
    Decoded(R),
    Removed,
}

/// An empty batch of a projection.
pub(crate) fn batch_of<P: Projection + 'static>() -> Box<dyn BatchTable> {
    Box::new(ChangedRows::<P>(HashMap::new()))
}

impl<P: Projection> BatchTable for ChangedRows<P> {
    fn apply(&mut self, recorded: &RecordedEvent<'_>, before: &dyn Rows) -> Result<(), RowsError> {
        let Some(key) = P::key(recorded) else { return Ok(()) };
        let company = &recorded.commit.company;
        // Most events of a batch are of one company, so its id is rarely copied.
        let changed = match self.0.get_mut(company) {
            Some(changed) => changed,
            None => self.0.entry(company.clone()).or_default(),
        };
        let row = match changed.get_mut(&key) {
            _ if !P::READS => None,
            Some(row) => match std::mem::replace(row, ChangedRow::Removed) {
                ChangedRow::Encoded(row) => Some(decode::<P>(&row)?),
                ChangedRow::Decoded(row) => Some(row),
                ChangedRow::Removed => None,
            },
            None => {
                before.get(P::TABLE, company, &key)?.map(|row| decode::<P>(&row)).transpose()?
            }
        };
        let was_there = row.is_some();
        let row = match P::evolve(row, recorded) {
            Some(row) if was_there => ChangedRow::Decoded(row),
            Some(row) => ChangedRow::Encoded(encode::<P>(&row)?),
            None if was_there => ChangedRow::Removed,
            None => return Ok(()),
        };
        changed.insert(key, row);
        Ok(())
    }

    fn finish(self: Box<Self>, take: &mut TakeRow<'_>) -> Result<(), RowsError> {
        for (company, rows) in self.0 {
            for (key, row) in rows {
                let row = match row {
                    ChangedRow::Encoded(row) => Some(row),
                    ChangedRow::Decoded(row) => Some(encode::<P>(&row)?),
                    ChangedRow::Removed => None,
                };
                take(P::TABLE, &company, &key, row);
            }
        }
        Ok(())
    }
}
