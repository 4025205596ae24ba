//! The run that holds the company's lock and the runs that wait (query `queue`).

use boarding_commands::event::Permission;
use boarding_commands::values::{Personal, RunId, Time};
use schemars::JsonSchema;
use serde::Serialize;

use crate::projector::Projector;
use crate::query::{
    Access, AnswerRow, Query, QueryError, QueryRequest, RowsAnswer, page, schema_of,
};
use crate::read_model::ReadModel;
use crate::rows::{Rows, RowsError};
use crate::tables::run_queue::{RunQueue, RunQueueProjection};
use crate::tables::runs;

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<RunQueueProjection>()],
    queries: &[Query {
        name: "queue",
        access: Access::Permission(Permission::BulkIntegrateUsers),
        params: &[],
        paged: true,
        row: schema_of::<WaitingShown>,
        csv: None,
        answer: queue,
    }],
};

/// A run that holds the company's lock or waits for it.
#[derive(Serialize, JsonSchema)]
struct WaitingShown {
    run: RunId,
    state: HolderState,
    /// The place in the queue, from 1; null for the holder.
    place: Option<u64>,
    holder: bool,
    requested_by: Option<Personal<String>>,
    waiting_since: Option<Time>,
}

/// The state of a run in the queue.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum HolderState {
    Running,
    Pending,
}

/// Shows the one stored row as several: the holder, then the waiting runs, the next run first.
fn queue(request: &QueryRequest<'_>, rows: &dyn Rows) -> Result<RowsAnswer, QueryError> {
    page::<RunQueueProjection, _>(request, rows, &[], |_, queue| {
        let holder = queue.lock.holder().map(|holder| holder.run);
        holder
            .into_iter()
            .chain(queue.lock.queue())
            .map(|run| show(run, holder == Some(run), &queue, request, rows).map(Some))
            .collect::<Result<Vec<_>, _>>()
    })
}

fn show(
    run: RunId,
    holder: bool,
    queue: &RunQueue,
    request: &QueryRequest<'_>,
    rows: &dyn Rows,
) -> Result<AnswerRow, RowsError> {
    let known = runs::find(rows, request.company, run)?;
    Ok(AnswerRow::of(&WaitingShown {
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
    use crate::testing::{TestCompany, at, column, completed, queued, requested, run, started};
    use serde_json::json;

    /// LX-33, LX-34: one holder, the others behind it in the order they were queued.
    #[test]
    fn holder_is_first_and_others_wait_in_order() {
        let company = TestCompany::new("acme")
            .commit([requested(1, 1), queued(1), started(1)])
            .commit([requested(3, 1), queued(3)])
            .commit([requested(2, 1), queued(2)]);
        let rows = company.query("queue", &json!({}));
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
        let company = company.commit([completed(1, 1, 0, 0), started(3)]);
        let rows = company.query("queue", &json!({}));
        assert_eq!(column(&rows, "run"), [json!(run(3)), json!(run(2))]);
        assert_eq!(column(&rows, "place"), [json!(null), json!(1)]);
        let company =
            company.commit([completed(3, 1, 0, 0), started(2)]).commit([completed(2, 1, 0, 0)]);
        assert!(company.query("queue", &json!({})).is_empty());
    }

    #[test]
    fn queue_of_one_stored_row_has_pages_too() {
        let company =
            TestCompany::new("acme").commit([queued(1), started(1), queued(2), queued(3)]);
        let rows = company.rows();
        let mut seen = Vec::new();
        let mut cursor = None;
        for _ in 0..3 {
            let params = json!({"limit": 1, "cursor": cursor});
            let (page, next) = crate::testing::query_page(&rows, "queue", &params);
            seen.extend(column(&page, "run"));
            cursor = next;
        }
        assert_eq!((seen, cursor), ([1, 2, 3].map(|n| json!(run(n))).into(), None));
    }

    /// P28: the fence of the holder is the version of its start.
    #[test]
    fn row_has_the_same_lock_as_the_decision() {
        let company = TestCompany::new("acme").commit([queued(1), started(1), queued(2)]);
        let queue = RunQueue::load(&company.rows(), company.id()).unwrap();
        assert_eq!(queue.lock.holder().map(|holder| holder.fence), Some(2));
        assert_eq!(queue.lock.next(), Some(run(2)));
    }
}
