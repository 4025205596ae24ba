//! The company's run lock and its queue: row, projection, lookup.

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::Event;
use boarding_commands::lock::Lock;
use boarding_commands::values::{CompanyId, RunId, Time};
use serde::{Deserialize, Serialize};

use crate::projection::{Projection, load};
use crate::rows::{Rows, RowsError, Table};

/// The company's lock with its queue, and the time since when each run waits.
///
/// The lock is folded by the same code that decides which run may start.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct RunQueue {
    pub lock: Lock,
    since: Vec<(RunId, Time)>,
}

impl RunQueue {
    /// The current queue; empty if the company has never had a run.
    pub(crate) fn load(rows: &dyn Rows, company: &CompanyId) -> Result<Self, RowsError> {
        Ok(load::<RunQueueProjection>(rows, company, &[])?.unwrap_or_default())
    }

    /// The place of a waiting run, from 1; none if the run does not wait.
    pub(crate) fn place(&self, run: RunId) -> Option<u64> {
        self.lock.place(run)
    }

    /// The time since when the run waits; none if the run does not wait.
    pub(crate) fn since(&self, run: RunId) -> Option<Time> {
        self.since.iter().find(|(waiting, _)| *waiting == run).map(|(_, since)| *since)
    }
}

/// One row for each company.
#[derive(Debug)]
pub(crate) struct RunQueueProjection;

impl Projection for RunQueueProjection {
    const TABLE: Table = Table::Lock;
    const VERSION: u32 = 1;
    type Row = RunQueue;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        match recorded.event {
            Event::RunQueued { .. }
            | Event::RunStarted { .. }
            | Event::RunCompleted { .. }
            | Event::RunWithdrawn { .. } => Some(Vec::new()),
            _ => None,
        }
    }

    fn evolve(row: Option<RunQueue>, recorded: &RecordedEvent<'_>) -> Option<RunQueue> {
        let mut queue = row.unwrap_or_default();
        queue.lock.evolve(recorded.version, recorded.event);
        if let Event::RunQueued { run } = recorded.event {
            queue.since.push((*run, recorded.commit.at));
        }
        let RunQueue { lock, since } = &mut queue;
        since.retain(|(run, _)| lock.place(*run).is_some());
        Some(queue)
    }
}
