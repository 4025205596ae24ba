//! Rules of runs: one at a time, first in first out, one outcome for each recipient.

use std::collections::{HashMap, VecDeque};

use boarding_commands::event::{Event, Who};
use boarding_commands::values::{RunId, Time};

use super::rule::{Rule, RuleBreak, RuleResult, require};

#[derive(Debug, Default)]
pub(super) struct RunRules {
    runs: HashMap<RunId, Run>,
    /// The waiting runs, the next one first.
    queue: VecDeque<RunId>,
    running: Option<RunId>,
    /// The number of each person who was in a run.
    people: HashMap<String, u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Requested,
    Scheduled,
    Queued,
    Running,
    Ended,
}

#[derive(Debug)]
struct Run {
    stage: Stage,
    total: u64,
    started_at: Option<Time>,
    recipients: HashMap<u32, Recipient>,
    passed: u64,
    skipped: u64,
    failed: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Recipient {
    attempt: u32,
    is_claimed: bool,
    has_outcome: bool,
}

impl RunRules {
    pub(super) fn observe(&mut self, event: &Event, at: Time) -> RuleResult {
        match event {
            Event::RunRequested { run, total, .. } => self.requested(*run, *total),
            Event::RecipientQueued { run, user } => self.listed(*run, user),
            Event::RunScheduled { run, .. } => {
                self.enter(*run, Stage::Scheduled, &[Stage::Requested], "is scheduled")
            }
            Event::RunQueued { run } => {
                let before = [Stage::Requested, Stage::Scheduled];
                self.enter(*run, Stage::Queued, &before, "is queued")?;
                self.queue.push_back(*run);
                Ok(())
            }
            Event::RunStarted { run } => self.started(*run, at),
            Event::RunWithdrawn { run } => {
                let before = [Stage::Requested, Stage::Scheduled, Stage::Queued];
                self.enter(*run, Stage::Ended, &before, "is withdrawn")?;
                self.queue.retain(|waiting| waiting != run);
                Ok(())
            }
            Event::RunCompleted { run, passed, skipped, failed } => {
                self.completed(*run, [*passed, *skipped, *failed], at)
            }
            Event::RunWaiting { run, .. }
            | Event::RunResumed { run }
            | Event::RunGivenUp { run, .. }
            | Event::RunOutboxesRecorded { run, .. } => {
                let stage = self.run(*run)?.stage;
                require(stage == Stage::Running, Rule::RunState, || {
                    format!("run {run} waits or goes on, but is not running")
                })
            }
            Event::InviteDispatched { run, user, attempt, .. } => {
                self.claimed(*run, user, *attempt)
            }
            // A worker may report a temporary failure without a claim.
            Event::InviteDeferred { run, user, .. } => {
                self.open_recipient(*run, user)?.1.is_claimed = false;
                Ok(())
            }
            Event::InviteSent { run, user, attempt, .. } => {
                self.check_claim(*run, user, *attempt)?;
                self.outcome(*run, user, |run| &mut run.passed)
            }
            Event::UserSkipped { run, user, .. } => {
                self.outcome(*run, user, |run| &mut run.skipped)
            }
            Event::InviteFailed { run, user, .. } => {
                self.outcome(*run, user, |run| &mut run.failed)
            }
            _ => Ok(()),
        }
    }

    fn run(&mut self, run: RunId) -> Result<&mut Run, RuleBreak> {
        self.runs.get_mut(&run).ok_or_else(|| RuleBreak {
            rule: Rule::RunState,
            what: format!("run {run} was never requested"),
        })
    }

    fn person(&mut self, user: &Who) -> u32 {
        let next = u32::try_from(self.people.len()).unwrap_or(u32::MAX);
        *self.people.entry(user.folded()).or_insert(next)
    }

    fn requested(&mut self, id: RunId, total: u64) -> RuleResult {
        let run = Run {
            stage: Stage::Requested,
            total,
            started_at: None,
            recipients: HashMap::new(),
            passed: 0,
            skipped: 0,
            failed: 0,
        };
        let before = self.runs.insert(id, run);
        require(before.is_none(), Rule::RunState, || format!("run {id} is requested twice"))
    }

    fn listed(&mut self, id: RunId, user: &Who) -> RuleResult {
        let person = self.person(user);
        let run = self.run(id)?;
        require(run.stage != Stage::Ended, Rule::RunState, || {
            format!("run {id} gets a recipient after its end")
        })?;
        let before = run.recipients.insert(person, Recipient::default());
        require(before.is_none(), Rule::RecipientOutcome, || {
            format!("run {id} lists a person twice")
        })?;
        let listed = run.recipients.len() as u64;
        require(listed <= run.total, Rule::RecipientOutcome, || {
            format!("run {id} lists {listed} people, its total is {}", run.total)
        })
    }

    /// Moves a run to a stage that may follow only these stages.
    fn enter(&mut self, id: RunId, stage: Stage, before: &[Stage], what: &str) -> RuleResult {
        let run = self.run(id)?;
        let is_legal = before.contains(&run.stage);
        let old = std::mem::replace(&mut run.stage, stage);
        require(is_legal, Rule::RunState, || format!("run {id} {what} while it is {old}"))
    }

    fn started(&mut self, id: RunId, at: Time) -> RuleResult {
        if let Some(running) = self.running {
            let what = format!("run {id} starts while run {running} is running");
            return Err(RuleBreak { rule: Rule::RunOverlap, what });
        }
        self.enter(id, Stage::Running, &[Stage::Queued], "starts")?;
        let first = self.queue.pop_front();
        require(first == Some(id), Rule::RunOrder, || match first {
            Some(first) => format!("run {id} starts before run {first}, which was queued earlier"),
            None => format!("run {id} starts and was not queued"),
        })?;
        self.running = Some(id);
        self.run(id)?.started_at = Some(at);
        Ok(())
    }

    fn completed(&mut self, id: RunId, counts: [u64; 3], at: Time) -> RuleResult {
        self.enter(id, Stage::Ended, &[Stage::Running], "is completed")?;
        self.running = None;
        let run = self.run(id)?;
        let counted = [run.passed, run.skipped, run.failed];
        require(counts == counted, Rule::RecipientOutcome, || {
            format!(
                "run {id} is completed with {counts:?} passed, skipped and failed; its people have {counted:?}"
            )
        })?;
        let done: u64 = counted.iter().sum();
        let is_whole = done == run.total && run.recipients.len() as u64 == run.total;
        require(is_whole, Rule::RecipientOutcome, || {
            format!("run {id} is completed with {done} of {} outcomes", run.total)
        })?;
        let is_after = run.started_at.is_some_and(|started| started <= at);
        // No later event is about the people of a completed run.
        run.recipients = HashMap::new();
        require(is_after, Rule::RunState, || format!("run {id} is completed before its start"))
    }

    /// The recipient of a running run who has no outcome.
    fn open_recipient(
        &mut self,
        id: RunId,
        user: &Who,
    ) -> Result<(RunId, &mut Recipient), RuleBreak> {
        let person = self.person(user);
        let run = self.run(id)?;
        let stage = run.stage;
        require(stage == Stage::Running, Rule::RunState, || {
            format!("run {id} has a claim or outcome while it is {stage}")
        })?;
        let recipient = run.recipients.get_mut(&person).ok_or_else(|| RuleBreak {
            rule: Rule::RecipientOutcome,
            what: format!("run {id} has a claim or outcome of a person who is not on its list"),
        })?;
        require(!recipient.has_outcome, Rule::RecipientOutcome, || {
            format!("run {id} has a claim or a second outcome of a person with an outcome")
        })?;
        Ok((id, recipient))
    }

    fn claimed(&mut self, id: RunId, user: &Who, attempt: u32) -> RuleResult {
        let (id, recipient) = self.open_recipient(id, user)?;
        require(!recipient.is_claimed, Rule::RecipientClaim, || {
            format!("run {id} claims a person again whose claim is open")
        })?;
        let before = recipient.attempt;
        require(attempt > before, Rule::RecipientClaim, || {
            format!("run {id} claims a person with attempt {attempt} after attempt {before}")
        })?;
        recipient.attempt = attempt;
        recipient.is_claimed = true;
        Ok(())
    }

    /// Checks that the recipient was claimed with this attempt. A late report may come after the end of the claim.
    fn check_claim(&mut self, id: RunId, user: &Who, attempt: u32) -> RuleResult {
        let (id, recipient) = self.open_recipient(id, user)?;
        let was_claimed = recipient.attempt > 0 && attempt <= recipient.attempt;
        require(was_claimed, Rule::RecipientClaim, || {
            format!("run {id} has a mail of attempt {attempt} without a claim of it")
        })
    }

    fn outcome(
        &mut self,
        id: RunId,
        user: &Who,
        count: impl FnOnce(&mut Run) -> &mut u64,
    ) -> RuleResult {
        let (_, recipient) = self.open_recipient(id, user)?;
        recipient.has_outcome = true;
        recipient.is_claimed = false;
        *count(self.run(id)?) += 1;
        Ok(())
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Requested => "requested",
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Ended => "ended",
        })
    }
}
