//! Runs: where each one stands and how far it is (queries `runs`, `run`; LX-21, LX-24).

use std::collections::BTreeMap;

use boarding_commands::commit::Fact;
use boarding_commands::event::{Channel, Event, Permission};
use boarding_commands::values::{CompanyId, ImportId, Personal, RunId, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ReadModel;
use crate::imports;
use crate::lock::Queue;
use crate::projection::{Projection, Projector, load};
use crate::query::{
    Answer, Asked, Param, Query, QueryError, Spelled, not_found, page, shape_of, words,
};
use crate::rows::{Rows, RowsError, Table};

pub const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<Runs>(), Projector::of::<RunOrder>()],
    queries: &[
        Query {
            name: "runs",
            permission: Some(Permission::BulkIntegrateUsers),
            params: &[Param::word::<RunState>("state")],
            paged: true,
            row: shape_of::<RunShown>,
            columns: None,
            answer: runs,
        },
        Query {
            name: "run",
            permission: Some(Permission::BulkIntegrateUsers),
            params: &[Param::id("run").required()],
            paged: false,
            row: shape_of::<RunShown>,
            columns: None,
            answer: run,
        },
    ],
};

words! {
    /// Where a run stands.
    RunState {
        Scheduled "scheduled"
        Pending "pending"
        Running "running"
        Completed "completed"
        Withdrawn "withdrawn"
    }
}

/// A run: one row a run, so that a million recipients are counted in one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub run: RunId,
    pub channel: Channel,
    pub state: RunState,
    pub total: u64,
    pub passed: u64,
    pub skipped: u64,
    pub failed: u64,
    pub requested_by: Personal<String>,
    pub requested_at: Time,
    pub started_at: Option<Time>,
    pub ended_at: Option<Time>,
}

impl Run {
    /// Recipients without an outcome yet (P5).
    pub fn remaining(&self) -> u64 {
        self.total.saturating_sub(self.passed + self.skipped + self.failed)
    }

    fn show(&self, queue: &Queue) -> Value {
        let pending = self.state == RunState::Pending;
        json!(RunShown {
            run: self.run,
            channel: self.channel,
            state: Spelled(self.state),
            queue_place: queue.place(self.run).filter(|_| pending),
            total: self.total,
            passed: self.passed,
            skipped: self.skipped,
            failed: self.failed,
            remaining: self.remaining(),
            requested_by: &self.requested_by,
            requested_at: self.requested_at,
            started_at: self.started_at,
            ended_at: self.ended_at,
        })
    }
}

/// A run, where it stands and how far it is.
#[derive(Serialize, JsonSchema)]
struct RunShown<'a> {
    run: RunId,
    channel: Channel,
    state: Spelled<RunState>,
    /// Its place among the waiting, from 1; null unless pending.
    queue_place: Option<u64>,
    total: u64,
    passed: u64,
    skipped: u64,
    failed: u64,
    /// Recipients without an outcome yet.
    remaining: u64,
    requested_by: &'a Personal<String>,
    requested_at: Time,
    started_at: Option<Time>,
    ended_at: Option<Time>,
}

/// Runs by id.
#[derive(Debug)]
pub struct Runs;

impl Projection for Runs {
    const TABLE: Table = Table::Runs;
    const VERSION: u32 = 1;
    type Row = Run;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        match fact.event {
            Event::RunRequested { run, .. }
            | Event::RunScheduled { run, .. }
            | Event::RunQueued { run }
            | Event::RunStarted { run }
            | Event::RunCompleted { run, .. }
            | Event::RunWithdrawn { run }
            | Event::InviteSent { run, .. }
            | Event::UserSkipped { run, .. }
            | Event::InviteFailed { run, .. } => Some(key(*run).into()),
            _ => None,
        }
    }

    fn evolve(row: Option<Run>, fact: &Fact<'_>) -> Option<Run> {
        if let Event::RunRequested { run, channel, total, .. } = fact.event {
            return Some(requested(*run, *channel, *total, fact));
        }
        let mut run = row?;
        let now = fact.commit.at;
        match fact.event {
            Event::RunScheduled { .. } => run.state = RunState::Scheduled,
            Event::RunQueued { .. } => run.state = RunState::Pending,
            Event::RunWithdrawn { .. } => run.state = RunState::Withdrawn,
            Event::RunStarted { .. } => {
                run.state = RunState::Running;
                run.started_at = Some(now);
            }
            Event::RunCompleted { .. } => {
                run.state = RunState::Completed;
                run.ended_at = Some(now);
            }
            Event::InviteSent { .. } => run.passed += 1,
            Event::UserSkipped { .. } => run.skipped += 1,
            Event::InviteFailed { .. } => run.failed += 1,
            _ => {}
        }
        Some(run)
    }
}

/// A run counts as pending from its request; without a place until it is queued.
fn requested(run: RunId, channel: Channel, total: u64, fact: &Fact<'_>) -> Run {
    Run {
        run,
        channel,
        state: RunState::Pending,
        total,
        passed: 0,
        skipped: 0,
        failed: 0,
        requested_by: fact.commit.actor.clone(),
        requested_at: fact.commit.at,
        started_at: None,
        ended_at: None,
    }
}

/// Runs in order, the newest first: a run's id may be chosen by the asker and says nothing of its age.
#[derive(Debug)]
pub struct RunOrder;

impl Projection for RunOrder {
    const TABLE: Table = Table::RunOrder;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = RunId;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        matches!(fact.event, Event::RunRequested { .. }).then(|| newest_first(fact.version))
    }

    fn evolve(_: Option<RunId>, fact: &Fact<'_>) -> Option<RunId> {
        match fact.event {
            Event::RunRequested { run, .. } => Some(*run),
            _ => None,
        }
    }
}

/// A key that sorts the higher version first.
pub(crate) fn newest_first(version: u64) -> Vec<u8> {
    (!version).to_be_bytes().into()
}

/// The key of a run's row, and what the keys of its parts begin with.
pub(crate) fn key(run: RunId) -> [u8; 16] {
    run.0.0.to_be_bytes()
}

/// The run of that id, if there is one.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    id: RunId,
) -> Result<Option<Run>, RowsError> {
    let Some(mut run) = load::<Runs>(rows, company, &key(id))? else { return Ok(None) };
    // The run that an import asks for is its asker's, whoever applied the last row.
    let import = imports::find(rows, company, ImportId(id.0))?;
    if let Some(import) = import.filter(|import| import.run == Some(id)) {
        run.requested_by = import.requested_by;
    }
    Ok(Some(run))
}

/// The channels of runs, each looked up once for one answer.
pub(crate) struct RunChannels<'a> {
    rows: &'a dyn Rows,
    company: &'a CompanyId,
    known: BTreeMap<RunId, Option<Channel>>,
}

impl<'a> RunChannels<'a> {
    pub(crate) fn new(rows: &'a dyn Rows, company: &'a CompanyId) -> Self {
        Self { rows, company, known: BTreeMap::new() }
    }

    pub(crate) fn of(&mut self, run: RunId) -> Result<Option<Channel>, RowsError> {
        if let Some(channel) = self.known.get(&run) {
            return Ok(*channel);
        }
        let channel = find(self.rows, self.company, run)?.map(|run| run.channel);
        self.known.insert(run, channel);
        Ok(channel)
    }
}

fn runs(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    let state = asked.word::<RunState>("state")?;
    let queue = Queue::read(rows, asked.company)?;
    page::<RunOrder, _>(asked, rows, &[], |_, id| {
        let run = find(rows, asked.company, id)?;
        let run = run.filter(|run| state.is_none_or(|state| run.state == state));
        Ok([run.map(|run| run.show(&queue))])
    })
}

fn run(asked: &Asked<'_>, rows: &dyn Rows) -> Result<Answer, QueryError> {
    let id: RunId = asked.required_id("run")?;
    let run = find(rows, asked.company, id)?.ok_or_else(|| not_found("run", &id))?;
    Ok(Answer::Row(run.show(&Queue::read(rows, asked.company)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        Story, at, column, completed, queued, recipient, requested, run, sent, started, who,
    };
    use boarding_commands::values::Code;

    /// LX-21, A30: total, passed, skipped, failed and remaining, at any time.
    /// P6: a run that is over has both its times.
    #[test]
    fn a_run_is_counted_while_it_runs_and_when_it_is_over() {
        let story = Story::of("acme")
            .then([requested(1, 3), recipient(1, "ann"), queued(1), started(1)])
            .then([sent(1, "ann", 1)])
            .then([skipped("bob")]);
        assert_eq!(
            story.ask_row("run", &json!({"run": run(1)})),
            json!({
                "run": run(1), "channel": "whatsapp", "state": "running", "queue_place": null,
                "total": 3, "passed": 1, "skipped": 1, "failed": 0, "remaining": 1,
                "requested_by": "jane@acme.example", "requested_at": at(0),
                "started_at": at(0), "ended_at": null,
            })
        );
        let over = story.then([failed("cid"), completed(1, 1, 1, 1)]);
        let row = over.ask_row("run", &json!({"run": run(1)}));
        assert_eq!(row["state"], "completed");
        assert_eq!((&row["failed"], &row["remaining"]), (&json!(1), &json!(0)));
        assert_eq!(row["ended_at"], json!(at(3)));
    }

    /// LX-34: the second run is pending and shows its place.
    #[test]
    fn a_waiting_run_shows_its_place_and_the_newest_is_first() {
        let story = Story::of("acme")
            .then([requested(9, 1), queued(9), started(9)])
            .then([requested(5, 1), queued(5)])
            .then([requested(7, 1), queued(7)])
            .then([requested(1, 1), Event::RunScheduled { run: run(1), not_before: at(99) }])
            .then([requested(2, 1)]);
        let runs = story.ask("runs", &json!({}));
        assert_eq!(column(&runs, "run"), [2, 1, 7, 5, 9].map(|n| json!(run(n))));
        assert_eq!(
            column(&runs, "queue_place"),
            [json!(null), json!(null), json!(2), json!(1), json!(null)]
        );
        assert_eq!(
            column(&runs, "state"),
            ["pending", "scheduled", "pending", "pending", "running"].map(|state| json!(state))
        );
        let story = story
            .then([Event::RunWithdrawn { run: run(5) }])
            .then([completed(9, 0, 0, 0), started(7)]);
        let withdrawn = story.ask("runs", &json!({"state": "withdrawn"}));
        assert_eq!(column(&withdrawn, "run"), [json!(run(5))]);
        assert_eq!(story.ask_row("run", &json!({"run": run(7)}))["state"], "running");
    }

    #[test]
    fn an_unknown_run_is_not_found() {
        let story = Story::of("acme").then([requested(1, 1)]);
        assert_eq!(story.refused("run", &json!({"run": run(2)})), "query.not_found");
    }

    fn skipped(user: &str) -> Event {
        let code = Code::RecipientAlreadyLinked;
        Event::UserSkipped { run: run(1), user: who(user), code, detail: None }
    }

    fn failed(user: &str) -> Event {
        let code = Code::RecipientUserArchived;
        Event::InviteFailed { run: run(1), user: who(user), attempt: 0, code, detail: None }
    }
}
