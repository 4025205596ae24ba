//! P1 to P6 and P9: one run at a time, in order, each recipient with exactly one outcome.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use boarding_commands::event::{Channel, Event, Who};
use boarding_commands::id::RunId;
use boarding_commands::time::Time;
use serde_json::{Value, json};

use super::super::broken::{Law, holds};

/// The runs of one company as its events tell of them.
#[derive(Debug, Clone)]
pub(crate) struct Runs {
    pub known: BTreeMap<RunId, Seen>,
    queue: VecDeque<RunId>,
    limit: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Waiting,
    Running,
    Completed,
    Withdrawn,
}

#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub stage: Stage,
    pub channel: Channel,
    pub total: u64,
    pub listed: Vec<String>,
    names: BTreeSet<String>,
    attempts: BTreeMap<String, u32>,
    /// 0 passed, 1 skipped, 2 failed.
    outcomes: BTreeMap<String, usize>,
    counts: [u64; 3],
    started_at: Option<Time>,
    ended_at: Option<Time>,
}

impl Default for Runs {
    fn default() -> Self {
        Self { known: BTreeMap::new(), queue: VecDeque::new(), limit: 100 }
    }
}

impl Runs {
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
        self.known.get(run).map(|run| run.channel)
    }

    pub(super) fn note(&mut self, event: &Event, at: Time) -> Law {
        match event {
            Event::CompanyConfigChanged { setting, value }
                if setting == "bulk_integration_max_records" =>
            {
                self.limit = value.as_u64().ok_or("LX-06 the limit is no number")?;
            }
            Event::RunRequested { run, channel, total, .. } => {
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
                self.open(*run, user)?;
            }
            Event::InviteSent { run, user, .. } => self.outcome(*run, user, 0)?,
            Event::UserSkipped { run, user, .. } => self.outcome(*run, user, 1)?,
            Event::InviteFailed { run, user, .. } => self.outcome(*run, user, 2)?,
            _ => {}
        }
        Ok(())
    }

    /// P3, after every complete commit.
    pub(super) fn settled(&self) -> Law {
        let free = !self.known.values().any(|run| run.stage == Stage::Running);
        holds!(
            !free || self.queue.is_empty(),
            "P3 the lock is free and {} runs wait",
            self.queue.len()
        );
        Ok(())
    }

    fn run(&mut self, run: RunId) -> Result<&mut Seen, String> {
        self.known
            .get_mut(&run)
            .ok_or_else(|| format!("P4 an event of run {run}, which nobody asked for"))
    }

    fn requested(&mut self, run: RunId, channel: Channel, total: u64) -> Law {
        holds!(
            total <= self.limit && total > 0,
            "P9 {total} recipients, the limit is {}",
            self.limit
        );
        let seen = Seen {
            stage: Stage::Waiting,
            channel,
            total,
            listed: Vec::new(),
            names: BTreeSet::new(),
            attempts: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            counts: [0; 3],
            started_at: None,
            ended_at: None,
        };
        holds!(self.known.insert(run, seen).is_none(), "P10 run {run} was requested twice");
        Ok(())
    }

    fn listed(&mut self, id: RunId, user: &Who) -> Law {
        let run = self.run(id)?;
        run.listed.push(user.folded());
        holds!(run.names.insert(user.folded()), "A8 run {id} lists somebody twice");
        holds!(run.listed.len() as u64 <= run.total, "P5 run {id} lists more than its total");
        Ok(())
    }

    fn started(&mut self, id: RunId, at: Time) -> Law {
        let running = self.known.values().filter(|run| run.stage == Stage::Running).count();
        holds!(running == 0, "P1 run {id} starts while another runs");
        let first = self.queue.pop_front();
        holds!(first == Some(id), "P2 run {id} starts before its turn");
        let run = self.run(id)?;
        holds!(run.stage == Stage::Waiting, "P2 run {id} starts a second time");
        (run.stage, run.started_at) = (Stage::Running, Some(at));
        Ok(())
    }

    fn withdrawn(&mut self, id: RunId) -> Law {
        self.queue.retain(|waiting| *waiting != id);
        let run = self.run(id)?;
        holds!(run.stage == Stage::Waiting, "LX-32 run {id} was withdrawn after its start");
        run.stage = Stage::Withdrawn;
        Ok(())
    }

    fn completed(&mut self, id: RunId, told: [u64; 3], at: Time) -> Law {
        let run = self.run(id)?;
        holds!(run.stage == Stage::Running, "P6 run {id} ends without running");
        holds!(run.counts == told, "P5 run {id} tells {told:?}, seen {:?}", run.counts);
        holds!(
            run.counts.iter().sum::<u64>() == run.total,
            "P4 run {id} ends with recipients left"
        );
        holds!(run.outcomes.len() as u64 == run.total, "P4 run {id} ends with recipients left");
        holds!(
            run.started_at.is_some_and(|start| start <= at),
            "P6 run {id} ends before its start"
        );
        (run.stage, run.ended_at) = (Stage::Completed, Some(at));
        Ok(())
    }

    /// The recipient is of a running run and has no outcome.
    fn open(&mut self, id: RunId, user: &Who) -> Result<&mut Seen, String> {
        let run = self.run(id)?;
        holds_open(run, id, user)?;
        Ok(run)
    }

    fn claimed(&mut self, id: RunId, user: &Who, attempt: u32) -> Law {
        let run = self.open(id, user)?;
        let before = run.attempts.insert(user.folded(), attempt).unwrap_or_default();
        holds!(attempt > before, "P7 attempt {attempt} of run {id} follows attempt {before}");
        Ok(())
    }

    fn outcome(&mut self, id: RunId, user: &Who, outcome: usize) -> Law {
        let run = self.open(id, user)?;
        run.outcomes.insert(user.folded(), outcome);
        run.counts[outcome] += 1;
        Ok(())
    }

    /// P5 and P6 as the query shows them.
    pub(crate) fn agree_with(&self, shown: &[Value]) -> Law {
        holds!(
            shown.len() == self.known.len(),
            "P12 {} runs shown, {} known",
            shown.len(),
            self.known.len()
        );
        for row in shown {
            let id: RunId =
                row["run"].as_str().unwrap_or_default().parse().map_err(|_| "P5 no run id")?;
            let Some(run) = self.known.get(&id) else {
                return Err(format!("P5 unknown run {id} is shown"));
            };
            let remaining = run.total - run.counts.iter().sum::<u64>();
            let [passed, skipped, failed] = run.counts;
            let expected = json!([run.total, passed, skipped, failed, remaining]);
            let counts =
                ["total", "passed", "skipped", "failed", "remaining"].map(|name| row[name].clone());
            holds!(json!(counts) == expected, "P5 run {id} shows {counts:?}, seen {expected}");
            let completed = run.stage == Stage::Completed;
            holds!(
                (remaining == 0) == completed,
                "P5 run {id} has {remaining} left and is {:?}",
                run.stage
            );
            let times = json!([run.started_at, run.ended_at]);
            holds!(
                json!([row["started_at"], row["ended_at"]]) == times,
                "P6 run {id} shows other times: {row}"
            );
            holds!(
                (row["state"] == "completed") == completed,
                "P6 run {id} shows {}",
                row["state"]
            );
        }
        Ok(())
    }
}

fn holds_open(run: &Seen, id: RunId, user: &Who) -> Law {
    holds!(run.stage == Stage::Running, "P4 a report of run {id}, which is {:?}", run.stage);
    holds!(run.names.contains(&user.folded()), "P4 a report of run {id} about somebody else");
    holds!(
        !run.outcomes.contains_key(&user.folded()),
        "P4 a second outcome of one recipient of run {id}"
    );
    Ok(())
}
