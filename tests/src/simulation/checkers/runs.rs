//! P1 to P6, P9: runs are exclusive and ordered, and each recipient has one outcome.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use boarding_commands::event::{Channel, Event, Source, Who};
use boarding_commands::values::{ImportId, RunId, Time};
use serde_json::{Value, json};

use super::super::violation::{CheckResult, ensure};

/// The products whose runs `bulk_integration_max_records` does not bound.
const OTHER_LIMIT: [&str; 3] = ["officechat", "mangoapps", "multiline"];

/// The runs of one company, derived from its events.
#[derive(Debug, Clone)]
pub(crate) struct RunChecker {
    runs: BTreeMap<RunId, RunState>,
    queue: VecDeque<RunId>,
    /// The limit of LeapXpert's runs.
    limit: u64,
    /// The dialect of each import.
    dialects: BTreeMap<ImportId, String>,
    /// The users whose last file has another limit than LeapXpert's.
    others: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Waiting,
    Running,
    Completed,
    Withdrawn,
}

#[derive(Debug, Clone)]
pub(crate) struct RunState {
    pub stage: Stage,
    pub channel: Channel,
    pub total: u64,
    pub listed: Vec<String>,
    recipients: BTreeSet<String>,
    attempts: BTreeMap<String, u32>,
    /// Index into `counts`: 0 passed, 1 skipped, 2 failed.
    outcomes: BTreeMap<String, usize>,
    counts: [u64; 3],
    started_at: Option<Time>,
    ended_at: Option<Time>,
}

impl Default for RunChecker {
    fn default() -> Self {
        Self {
            runs: BTreeMap::new(),
            queue: VecDeque::new(),
            limit: 100,
            dialects: BTreeMap::new(),
            others: BTreeSet::new(),
        }
    }
}

impl RunChecker {
    pub(super) fn channel_of(&self, event: &Event) -> Option<Channel> {
        let (Event::InviteDispatched { run, .. }
        | Event::InviteDeferred { run, .. }
        | Event::InviteSent { run, .. }
        | Event::UserSkipped { run, .. }
        | Event::InviteFailed { run, .. }
        | Event::DeliveryRecorded { run, .. }) = event
        else {
            return None;
        };
        self.runs.get(run).map(|run| run.channel)
    }

    pub(super) fn observe(&mut self, event: &Event, at: Time) -> CheckResult {
        match event {
            Event::CompanyConfigChanged { setting, value }
                if setting == "bulk_integration_max_records" =>
            {
                self.limit = value.as_u64().ok_or("LX-06 the limit is not a number")?;
            }
            Event::ImportAccepted { import, options, .. } => {
                self.dialects.insert(*import, options.dialect.clone());
            }
            Event::RunRequested { run, channel, total, source, .. } => {
                self.check_limit(source, *total)?;
                self.requested(*run, *channel, *total)?;
            }
            Event::RecipientQueued { run, user } => self.listed(*run, user)?,
            Event::RunQueued { run } => self.queue.push_back(*run),
            Event::RunStarted { run } => self.started(*run, at)?,
            Event::RunWithdrawn { run } => self.withdrawn(*run)?,
            Event::RunCompleted { run, passed, skipped, failed } => {
                self.completed(*run, [*passed, *skipped, *failed], at)?;
            }
            Event::InviteDispatched { run, user, attempt, .. } => {
                self.claimed(*run, user, *attempt)?;
            }
            Event::InviteDeferred { run, user, .. } => {
                self.open_run(*run, user)?;
            }
            Event::InviteSent { run, user, .. } => self.outcome(*run, user, 0)?,
            Event::UserSkipped { run, user, .. } => self.outcome(*run, user, 1)?,
            Event::InviteFailed { run, user, .. } => self.outcome(*run, user, 2)?,
            _ => self.observe_row(event),
        }
        Ok(())
    }

    fn observe_row(&mut self, event: &Event) {
        let (Some((_, row)), Some(user)) = (event.row(), event.subjects().user) else { return };
        let dialect = self.dialects.get(&row.import).map_or("", String::as_str);
        if OTHER_LIMIT.contains(&dialect) {
            self.others.insert(user.folded());
        } else {
            self.others.remove(&user.folded());
        }
    }

    /// P9: the people of LeapXpert in a run are within its limit.
    fn check_limit(&self, source: &Source, total: u64) -> CheckResult {
        let others = match source {
            Source::Import(import) => match self.dialects.get(import) {
                Some(dialect) if OTHER_LIMIT.contains(&dialect.as_str()) => total,
                _ => 0,
            },
            _ => self.others.len() as u64,
        };
        ensure!(
            total > 0 && total.saturating_sub(others) <= self.limit,
            "P9 {total} recipients, the limit is {}",
            self.limit
        );
        Ok(())
    }

    /// P3: at the end of a commit no run waits while the lock is free.
    pub(super) fn end_commit(&self) -> CheckResult {
        let free = !self.runs.values().any(|run| run.stage == Stage::Running);
        ensure!(
            !free || self.queue.is_empty(),
            "P3 the lock is free, but {} runs wait",
            self.queue.len()
        );
        Ok(())
    }

    fn run(&mut self, run: RunId) -> Result<&mut RunState, String> {
        self.runs.get_mut(&run).ok_or_else(|| format!("P4 an event of the unknown run {run}"))
    }

    fn requested(&mut self, run: RunId, channel: Channel, total: u64) -> CheckResult {
        let state = RunState {
            stage: Stage::Waiting,
            channel,
            total,
            listed: Vec::new(),
            recipients: BTreeSet::new(),
            attempts: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            counts: [0; 3],
            started_at: None,
            ended_at: None,
        };
        ensure!(self.runs.insert(run, state).is_none(), "P10 run {run} was requested twice");
        Ok(())
    }

    fn listed(&mut self, id: RunId, user: &Who) -> CheckResult {
        let run = self.run(id)?;
        run.listed.push(user.folded());
        ensure!(run.recipients.insert(user.folded()), "A8 run {id} lists a recipient twice");
        ensure!(
            run.listed.len() as u64 <= run.total,
            "P5 run {id} lists more recipients than its total"
        );
        Ok(())
    }

    fn started(&mut self, id: RunId, at: Time) -> CheckResult {
        let running = self.runs.values().filter(|run| run.stage == Stage::Running).count();
        ensure!(running == 0, "P1 run {id} starts while another run is running");
        let first = self.queue.pop_front();
        ensure!(first == Some(id), "P2 run {id} starts before its turn");
        let run = self.run(id)?;
        ensure!(run.stage == Stage::Waiting, "P2 run {id} starts a second time");
        (run.stage, run.started_at) = (Stage::Running, Some(at));
        Ok(())
    }

    fn withdrawn(&mut self, id: RunId) -> CheckResult {
        self.queue.retain(|waiting| *waiting != id);
        let run = self.run(id)?;
        ensure!(run.stage == Stage::Waiting, "LX-32 run {id} was withdrawn after its start");
        run.stage = Stage::Withdrawn;
        Ok(())
    }

    fn completed(&mut self, id: RunId, counts: [u64; 3], at: Time) -> CheckResult {
        let run = self.run(id)?;
        ensure!(run.stage == Stage::Running, "P6 run {id} was completed, but was not running");
        ensure!(
            run.counts == counts,
            "P5 run {id} counts {counts:?}, the checker {:?}",
            run.counts
        );
        ensure!(
            run.counts.iter().sum::<u64>() == run.total,
            "P4 run {id} was completed before its last recipient"
        );
        ensure!(
            run.outcomes.len() as u64 == run.total,
            "P4 run {id} was completed before its last recipient"
        );
        ensure!(
            run.started_at.is_some_and(|start| start <= at),
            "P6 run {id} was completed before its start"
        );
        (run.stage, run.ended_at) = (Stage::Completed, Some(at));
        Ok(())
    }

    /// P4: the run of a recipient that is running and has no outcome for the recipient.
    fn open_run(&mut self, id: RunId, user: &Who) -> Result<&mut RunState, String> {
        let run = self.run(id)?;
        check_open(run, id, user)?;
        Ok(run)
    }

    fn claimed(&mut self, id: RunId, user: &Who, attempt: u32) -> CheckResult {
        let run = self.open_run(id, user)?;
        let before = run.attempts.insert(user.folded(), attempt).unwrap_or_default();
        ensure!(attempt > before, "P7 attempt {attempt} of run {id} follows attempt {before}");
        Ok(())
    }

    fn outcome(&mut self, id: RunId, user: &Who, outcome: usize) -> CheckResult {
        let run = self.open_run(id, user)?;
        run.outcomes.insert(user.folded(), outcome);
        run.counts[outcome] += 1;
        Ok(())
    }

    /// P5, P6: the rows of the query `runs` show the checker's state.
    pub(crate) fn check_query(&self, shown: &[Value]) -> CheckResult {
        ensure!(
            shown.len() == self.runs.len(),
            "P12 the query shows {} runs, the checker has {}",
            shown.len(),
            self.runs.len()
        );
        for row in shown {
            let id: RunId =
                row["run"].as_str().unwrap_or_default().parse().map_err(|_| "P5 no run id")?;
            let Some(run) = self.runs.get(&id) else {
                return Err(format!("P5 the query shows the unknown run {id}"));
            };
            let remaining = run.total - run.counts.iter().sum::<u64>();
            let [passed, skipped, failed] = run.counts;
            let expected = json!([run.total, passed, skipped, failed, remaining]);
            let counts =
                ["total", "passed", "skipped", "failed", "remaining"].map(|name| row[name].clone());
            ensure!(
                json!(counts) == expected,
                "P5 run {id} shows {counts:?}, the checker has {expected}"
            );
            let completed = run.stage == Stage::Completed;
            ensure!(
                (remaining == 0) == completed,
                "P5 run {id} has {remaining} left and is {:?}",
                run.stage
            );
            let times = json!([run.started_at, run.ended_at]);
            ensure!(
                json!([row["started_at"], row["ended_at"]]) == times,
                "P6 run {id} shows wrong times: {row}"
            );
            ensure!(
                (row["state"] == "completed") == completed,
                "P6 run {id} shows {}",
                row["state"]
            );
        }
        Ok(())
    }
}

fn check_open(run: &RunState, id: RunId, user: &Who) -> CheckResult {
    ensure!(run.stage == Stage::Running, "P4 a report of run {id}, which is {:?}", run.stage);
    ensure!(
        run.recipients.contains(&user.folded()),
        "P4 a report of run {id} about a user who is not a recipient"
    );
    ensure!(
        !run.outcomes.contains_key(&user.folded()),
        "P4 a second outcome of one recipient of run {id}"
    );
    Ok(())
}
