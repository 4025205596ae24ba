//! The lock and its queue: which run holds the company, and who waits in what order (query `queue`; LX-33, LX-34).

use boarding_commands::commit::Fact;
use boarding_commands::event::{Event, Permission};
use boarding_commands::lock::Lock;
use boarding_commands::values::{CompanyId, Personal, RunId, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ReadModel;
use crate::projection::{Projection, Projector, load};
use crate::query::{Answer, Asked, Query, QueryError, page, shape_of};
use crate::rows::{Rows, RowsError, Table};
use crate::runs;

pub const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<Locks>()],
    queries: &[Query {
        name: "queue",
        permission: Some(Permission::BulkIntegrateUsers),
        params: &[],
        paged: true,
        row: shape_of::<WaitingShown>,
        columns: None,
        answer: queue,
    }],
};

/// The company's lock, by the same fold that decides, and since when each run waits.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Queue {
    pub lock: Lock,
    since: Vec<(RunId, Time)>,
}

impl Queue {
    /// The queue as it stands; empty for a company that never had a run.
    pub(crate) fn read(rows: &dyn Rows, company: &CompanyId) -> Result<Self, RowsError> {
        Ok(load::<Locks>(rows, company, &[])?.unwrap_or_default())
    }

    /// The place of a waiting run, from 1.
    pub fn place(&self, run: RunId) -> Option<u64> {
        self.lock.place(run)
    }

    /// Since when a waiting run waits.
    pub fn since(&self, run: RunId) -> Option<Time> {
        self.since.iter().find(|(waiting, _)| *waiting == run).map(|(_, since)| *since)
    }
}

/// One row a company.
#[derive(Debug)]
pub struct Locks;

impl Projection for Locks {
    const TABLE: Table = Table::Lock;
    const VERSION: u32 = 1;
    type Row = Queue;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        match fact.event {
            Event::RunQueued { .. }
            | Event::RunStarted { .. }
            | Event::RunCompleted { .. }
            | Event::RunWithdrawn { .. } => Some(Vec::new()),
            _ => None,
        }
    }

    fn evolve(row: Option<Queue>, fact: &Fact<'_>) -> Option<Queue> {
        let mut queue = row.unwrap_or_default();
        queue.lock.evolve(fact.version, fact.event);
        if let Event::RunQueued { run } = fact.event {
            queue.since.push((*run, fact.commit.at));
        }
        let Queue { lock, since } = &mut queue;
        since.retain(|(run, _)| lock.place(*run).is_some());
        Some(queue)
    }
}

/// A run that holds the company, or waits for it.
#[derive(Serialize, JsonSchema)]
struct WaitingShown {
    run: RunId,
    state: HolderState,
    /// Its place among the waiting, from 1; null for the holder.
    place: Option<u64>,
    holder: bool,
    requested_by: Option<Personal<String>>,
    waiting_since: Option<Time>,
}

/// Where a run in the queue stands.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum HolderState {
    Running,
    Pending,
}

/// The one stored row is shown as the holder and then the waiting, the next one first.
fn queue(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    page::<Locks, _>(asked, rows, &[], |_, queue| {
        let holder = queue.lock.holder().map(|holder| holder.run);
        holder
            .into_iter()
            .chain(queue.lock.queue())
            .map(|run| show(run, holder == Some(run), &queue, asked, rows).map(Some))
            .collect::<Result<Vec<_>, _>>()
    })
}

fn show(
    run: RunId,
    holder: bool,
    queue: &Queue,
    asked: &Asked<'_>,
    rows: &dyn Rows,
) -> Result<Value, RowsError> {
    let known = runs::find(rows, asked.company, run)?;
    Ok(json!(WaitingShown {
        run,
        state: if holder { HolderState::Running } else { HolderState::Pending },
        place: queue.place(run),
        holder,
        requested_by: known.map(|run| run.requested_by),
        waiting_since: queue.since(run),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Story, at, column, completed, queued, requested, run, started};

    /// LX-33, LX-34: one holder, the others behind it in the order they were queued.
    #[test]
    fn the_holder_is_first_and_the_others_wait_in_order() {
        let story = Story::of("acme")
            .then([requested(1, 1), queued(1), started(1)])
            .then([requested(3, 1), queued(3)])
            .then([requested(2, 1), queued(2)]);
        let rows = story.ask("queue", &json!({}));
        assert_eq!(
            rows,
            [
                json!({"run": run(1), "state": "running", "place": null, "holder": true,
                    "requested_by": "jane@acme.example", "waiting_since": null}),
                json!({"run": run(3), "state": "pending", "place": 1, "holder": false,
                    "requested_by": "jane@acme.example", "waiting_since": at(1)}),
                json!({"run": run(2), "state": "pending", "place": 2, "holder": false,
                    "requested_by": "jane@acme.example", "waiting_since": at(2)}),
            ]
        );
        let story = story.then([completed(1, 1, 0, 0), started(3)]);
        let rows = story.ask("queue", &json!({}));
        assert_eq!(column(&rows, "run"), [json!(run(3)), json!(run(2))]);
        assert_eq!(column(&rows, "place"), [json!(null), json!(1)]);
        let story = story.then([completed(3, 1, 0, 0), started(2)]).then([completed(2, 1, 0, 0)]);
        assert!(story.ask("queue", &json!({})).is_empty());
    }

    #[test]
    fn the_one_stored_row_is_given_in_pages_too() {
        let story = Story::of("acme").then([queued(1), started(1), queued(2), queued(3)]);
        let rows = story.rows();
        let mut seen = Vec::new();
        let mut cursor = None;
        for _ in 0..3 {
            let params = json!({"limit": 1, "cursor": cursor});
            let (page, next) = crate::testing::ask_page(&rows, "queue", &params);
            seen.extend(column(&page, "run"));
            cursor = next;
        }
        assert_eq!((seen, cursor), ([1, 2, 3].map(|n| json!(run(n))).into(), None));
    }

    /// P28 rests on it: the fence of the holder is the version of its start.
    #[test]
    fn the_row_holds_the_same_lock_that_decides() {
        let story = Story::of("acme").then([queued(1), started(1), queued(2)]);
        let queue = Queue::read(&story.rows(), story.company()).unwrap();
        assert_eq!(queue.lock.holder().map(|holder| holder.fence), Some(2));
        assert_eq!(queue.lock.next(), Some(run(2)));
    }
}
