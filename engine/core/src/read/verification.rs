//! Verification of read models: replays the log and compares the rows.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;

use boarding_commands::values::CompanyId;
use boarding_projections::projector::ProjectionError;
use boarding_projections::rows::{MemoryRows, Rows, RowsError, Table};
use serde_json::{Value, json};

use crate::read::projector::ReadModels;
use boarding_log::{EventLog, ReadError};

/// The result of a verification without differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verified {
    pub companies: u64,
    pub tables: u64,
    pub rows: u64,
    pub events: u64,
    /// The last position of the replay.
    pub position: u64,
}

impl Verified {
    /// What was compared, as a document.
    pub fn document(&self) -> Value {
        let Self { tables, rows, events, .. } = self;
        json!({"tables": tables, "rows": rows, "events": events, "identical": true})
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tables, rows, events, .. } = self;
        write!(f, "{events} events replayed; {tables} tables with {rows} rows compared: identical")
    }
}

/// The first row that differs from the replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub company: CompanyId,
    pub table: Table,
    /// The key of the row in its table.
    pub key: Vec<u8>,
    pub kind: DifferenceKind,
    /// The position of the last event that changes the row in a replay; none if no event does.
    pub position: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferenceKind {
    /// The row is missing in the read models.
    Missing,
    /// The row is not in the replay.
    Surplus,
    /// The bytes of the row differ.
    Other,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            DifferenceKind::Missing => "is missing",
            DifferenceKind::Surplus => "is in no event",
            DifferenceKind::Other => "differs from the events",
        };
        let Self { company, table, key, position, .. } = self;
        let key = String::from_utf8_lossy(key);
        write!(f, "the row {key:?} of {table} of {company} {what}")?;
        if let Some(position) = position {
            write!(f, " (last changed at position {position})")?;
        }
        f.write_str("; rebuild the read models: boarding doctor --rebuild")
    }
}

/// Why the verification failed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("{0}")]
    Differs(Difference),
    #[error("read the log to replay it")]
    Log(#[from] ReadError),
    #[error("replay an event")]
    Replay(#[from] ProjectionError),
    #[error("read the rows to compare")]
    Rows(#[from] RowsError),
    /// The rows changed during the comparison.
    #[error(
        "compare the rows: they changed during the comparison; try again when no command is running"
    )]
    AtWork,
}

/// Replays each company into empty tables and compares them with the rows of queries. No commands may run:
/// call `Engine::settle` and `Engine::caught_up` before. It blocks while it reads the whole log, and holds
/// the rows of one company in memory.
///
/// # Errors
/// The first difference, or a failed read.
pub(crate) fn verify(
    log: &dyn EventLog,
    read_models: &ReadModels,
) -> Result<Verified, VerifyError> {
    let position = log.end();
    let live = read_models.view();
    let companies = log.companies();
    let mut verified = Verified {
        companies: companies.len() as u64,
        tables: Table::ALL.len() as u64,
        position,
        ..Verified::default()
    };
    for company in companies {
        let (replayed, events) = replay(log, &company, position)?;
        verified.events += events;
        verified.rows += compare(&company, &replayed, &live).map_err(|error| match error {
            VerifyError::Differs(difference) => match last_change(log, &difference, position) {
                Ok(at) => VerifyError::Differs(Difference { position: at, ..difference }),
                Err(error) => error,
            },
            error => error,
        })?;
    }
    if log.end() == position { Ok(verified) } else { Err(VerifyError::AtWork) }
}

/// The rows of a company from a replay, and the number of its events.
fn replay(
    log: &dyn EventLog,
    company: &CompanyId,
    end: u64,
) -> Result<(MemoryRows, u64), VerifyError> {
    let (mut rows, mut events) = (MemoryRows::default(), 0);
    let mut reader = log.read_company(company, 1);
    while let Some(entry) = reader.next()? {
        if entry.recorded.position > end {
            break;
        }
        for recorded in entry.recorded.events() {
            boarding_projections::apply(&recorded, &mut rows)?;
            events += 1;
        }
    }
    Ok((rows, events))
}

/// The position of the last event that changes the row in a replay.
fn last_change(
    log: &dyn EventLog,
    difference: &Difference,
    end: u64,
) -> Result<Option<u64>, VerifyError> {
    let Difference { company, table, key, .. } = difference;
    let (mut rows, mut row, mut changed_at) = (MemoryRows::default(), None, None);
    let mut reader = log.read_company(company, 1);
    while let Some(entry) = reader.next()? {
        if entry.recorded.position > end {
            break;
        }
        for recorded in entry.recorded.events() {
            boarding_projections::apply(&recorded, &mut rows)?;
            let now = Rows::get(&rows, *table, company, key)?;
            if now != row {
                (row, changed_at) = (now, Some(recorded.position));
            }
        }
    }
    Ok(changed_at)
}

/// Compares the rows of a company. Returns their number.
fn compare(company: &CompanyId, replayed: &dyn Rows, live: &dyn Rows) -> Result<u64, VerifyError> {
    let mut count = 0;
    for &table in Table::ALL {
        let mut expected = all(replayed, table, company)?;
        count += expected.len() as u64;
        let differs = |key: &[u8], kind| {
            let (company, key) = (company.clone(), key.to_vec());
            VerifyError::Differs(Difference { company, table, key, kind, position: None })
        };
        let mut found = None;
        live.scan(table, company, &[], &[], &mut |key, row| {
            found = match expected.remove(key) {
                Some(same) if same == row => return ControlFlow::Continue(()),
                Some(_) => Some(differs(key, DifferenceKind::Other)),
                None => Some(differs(key, DifferenceKind::Surplus)),
            };
            ControlFlow::Break(())
        })?;
        if let Some(difference) = found {
            return Err(difference);
        }
        if let Some(key) = expected.keys().next() {
            return Err(differs(key, DifferenceKind::Missing));
        }
    }
    Ok(count)
}

fn all(
    rows: &dyn Rows,
    table: Table,
    company: &CompanyId,
) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, RowsError> {
    let mut all = BTreeMap::new();
    rows.scan(table, company, &[], &[], &mut |key, row| {
        all.insert(key.to_vec(), row.to_vec());
        ControlFlow::Continue(())
    })?;
    Ok(all)
}

#[cfg(test)]
mod tests {
    use boarding_projections::rows::RowsMut as _;

    use super::*;

    fn rows(of: &[(&str, &str)]) -> MemoryRows {
        let mut rows = MemoryRows::default();
        let acme = "acme".parse().unwrap();
        for (key, row) in of {
            rows.put(Table::Users, &acme, (*key).into(), (*row).into());
        }
        rows
    }

    fn kind(replayed: &[(&str, &str)], live: &[(&str, &str)]) -> Result<u64, DifferenceKind> {
        let acme = "acme".parse().unwrap();
        compare(&acme, &rows(replayed), &rows(live)).map_err(|error| match error {
            VerifyError::Differs(difference) => difference.kind,
            other => panic!("{other}"),
        })
    }

    /// P12: every kind of difference is detected.
    #[test]
    fn missing_added_or_changed_row_is_a_difference() {
        let ann_and_bob = [("ann", "1"), ("bob", "2")];
        assert_eq!(kind(&ann_and_bob, &ann_and_bob), Ok(2));
        assert_eq!(kind(&ann_and_bob, &[("ann", "1")]), Err(DifferenceKind::Missing));
        assert_eq!(kind(&[("ann", "1")], &ann_and_bob), Err(DifferenceKind::Surplus));
        assert_eq!(kind(&ann_and_bob, &[("ann", "1"), ("bob", "3")]), Err(DifferenceKind::Other));
    }
}
