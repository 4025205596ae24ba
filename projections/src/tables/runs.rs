//! Runs and their order: rows, projections, lookup.

use std::collections::BTreeMap;

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Channel, Event, Source, Who};
use boarding_commands::values::{Code, CompanyId, ImportId, Personal, RunId, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::imports;
use crate::projection::{Projection, load, newest_first};
use crate::query::wire_enum;
use crate::rows::{Rows, RowsError, Table};

wire_enum! {
    /// The state of a run.
    RunStatus {
        Scheduled "scheduled"
        Pending "pending"
        Running "running"
        Completed "completed"
        Withdrawn "withdrawn"
    }
}

/// A run with the counts of its recipients. With the counts, no query has to scan the recipients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunRow {
    pub run: RunId,
    pub channel: Channel,
    pub state: RunStatus,
    pub total: u64,
    pub passed: u64,
    pub skipped: u64,
    pub failed: u64,
    pub requested_by: Personal<String>,
    pub requested_at: Time,
    pub started_at: Option<Time>,
    pub ended_at: Option<Time>,
    pub source: Source,
    pub not_before: Option<Time>,
    pub withdrawn: Option<Withdrawal>,
    /// Set while the mails of the run cannot be sent.
    pub waiting_for: Option<WaitingFor>,
    /// People whose mail was refused for now, but is tried again. At most [`TRIED_AGAIN_MAX`].
    pub tried_again: Vec<TriedAgain>,
}

/// A person whose mail was refused for now, but is tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TriedAgain {
    pub user: Who,
    pub next_try: Time,
    pub code: Code,
    pub detail: Option<String>,
}

/// What a run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WaitingFor {
    /// `mail server`, `outbox` or `settings`.
    pub what: String,
    pub since: Time,
    /// When the engine that works on the run tries again.
    pub next_try: Time,
    /// The last words of the server, or the cause.
    pub last_words: String,
}

/// Who withdrew a run, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Withdrawal {
    pub by: Personal<String>,
    pub at: Time,
}

/// The most people or org units that a run's row names as its source.
///
/// The row is written again for each recipient, so it must stay small.
pub(crate) const SOURCE_NAMES_MAX: usize = 20;
/// The most people in `tried_again` of a run's row. The row must stay small, as for
/// [`SOURCE_NAMES_MAX`].
pub(crate) const TRIED_AGAIN_MAX: usize = 20;

impl RunRow {
    /// A run is pending as soon as it is requested. It gets a place in the queue later.
    fn requested(
        run: RunId,
        channel: Channel,
        source: &Source,
        recorded: &RecordedEvent<'_>,
    ) -> Self {
        Self {
            run,
            channel,
            source: shortened(source),
            not_before: None,
            withdrawn: None,
            state: RunStatus::Pending,
            total: 0,
            passed: 0,
            skipped: 0,
            failed: 0,
            requested_by: recorded.commit.actor.clone(),
            requested_at: recorded.commit.at,
            started_at: None,
            ended_at: None,
            waiting_for: None,
            tried_again: Vec::new(),
        }
    }

    /// Records that a person's mail was refused for now. Ignores new people if the list is full.
    fn deferred(&mut self, again: TriedAgain) {
        let has_room = self.tried_again.len() < TRIED_AGAIN_MAX;
        match self.known(&again.user) {
            Some(known) => *known = again,
            None if has_room => self.tried_again.push(again),
            None => {}
        }
    }

    /// Changes the next try of a person, because the mail server could not be used.
    ///
    /// Adds no person to the list: the mail server did not refuse the person.
    fn postponed(&mut self, user: &Who, retry_at: Time) {
        if let Some(known) = self.known(user) {
            known.next_try = retry_at;
        }
    }

    fn known(&mut self, user: &Who) -> Option<&mut TriedAgain> {
        let folded = user.folded();
        self.tried_again.iter_mut().find(|known| known.user.folded() == folded)
    }

    /// Ends the wait of the run. A next try that is in the past becomes `now`.
    fn resumed(&mut self, now: Time) {
        self.waiting_for = None;
        for known in &mut self.tried_again {
            known.next_try = known.next_try.max(now);
        }
    }

    /// Removes a person who got an outcome from the list: there is no next try.
    fn ended(&mut self, user: &Who) {
        if !self.tried_again.is_empty() {
            let folded = user.folded();
            self.tried_again.retain(|known| known.user.folded() != folded);
        }
    }

    /// The number of recipients without an outcome.
    pub(crate) fn remaining(&self) -> u64 {
        self.total.saturating_sub(self.passed + self.skipped + self.failed)
    }
}

/// Runs by id.
#[derive(Debug)]
pub(crate) struct RunProjection;

impl Projection for RunProjection {
    const TABLE: Table = Table::Runs;
    const VERSION: u32 = 6;
    type Row = RunRow;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        match recorded.event {
            Event::RunRequested { run, .. }
            | Event::RunScheduled { run, .. }
            | Event::RunQueued { run }
            | Event::RunStarted { run }
            | Event::RunCompleted { run, .. }
            | Event::RunWithdrawn { run }
            | Event::RunWaiting { run, .. }
            | Event::RunResumed { run }
            | Event::RunGivenUp { run, .. }
            | Event::InviteDeferred { run, .. }
            | Event::InviteSent { run, .. }
            | Event::UserSkipped { run, .. }
            | Event::InviteFailed { run, .. } => Some(key(*run).into()),
            _ => None,
        }
    }

    fn evolve(row: Option<RunRow>, recorded: &RecordedEvent<'_>) -> Option<RunRow> {
        if let Event::RunRequested { run, channel, source, total, not_before, .. } = recorded.event
        {
            let requested = RunRow::requested(*run, *channel, source, recorded);
            return Some(RunRow { total: *total, not_before: *not_before, ..requested });
        }
        let mut run = row?;
        let now = recorded.commit.at;
        match recorded.event {
            Event::RunScheduled { .. } => run.state = RunStatus::Scheduled,
            Event::RunQueued { .. } => run.state = RunStatus::Pending,
            Event::RunWithdrawn { .. } => {
                run.state = RunStatus::Withdrawn;
                run.withdrawn = Some(Withdrawal { by: recorded.commit.actor.clone(), at: now });
            }
            Event::RunStarted { .. } => {
                run.state = RunStatus::Running;
                run.started_at = Some(now);
            }
            Event::RunCompleted { .. } => {
                run.state = RunStatus::Completed;
                run.ended_at = Some(now);
                // A completed run never gets `RunResumed`, even if it waited until its last mail.
                run.waiting_for = None;
            }
            Event::RunWaiting { what, last_words, next_try, .. } => {
                let (what, last_words) = (what.clone(), last_words.clone());
                run.waiting_for =
                    Some(WaitingFor { what, since: now, next_try: *next_try, last_words });
            }
            Event::RunResumed { .. } | Event::RunGivenUp { .. } => run.resumed(now),
            // The whole run waits for the mail server. No person uses up the time for retries.
            Event::InviteDeferred {
                user, code: Code::DeliveryServerUnavailable, retry_at, ..
            } => run.postponed(user, *retry_at),
            Event::InviteDeferred { user, code, detail, retry_at, .. } => {
                run.deferred(TriedAgain {
                    user: user.clone(),
                    next_try: *retry_at,
                    code: *code,
                    detail: detail.clone(),
                });
            }
            Event::InviteSent { .. } => run.passed += 1,
            Event::UserSkipped { .. } => run.skipped += 1,
            Event::InviteFailed { .. } => run.failed += 1,
            _ => {}
        }
        match recorded.event {
            Event::InviteSent { user, .. }
            | Event::UserSkipped { user, .. }
            | Event::InviteFailed { user, .. } => run.ended(user),
            _ => {}
        }
        Some(run)
    }
}

/// The source with the first [`SOURCE_NAMES_MAX`] of its names.
fn shortened(source: &Source) -> Source {
    let mut source = source.clone();
    match &mut source {
        Source::Users(users) | Source::Resend { users, .. } => users.truncate(SOURCE_NAMES_MAX),
        Source::OrgUnits { org_units, .. } => org_units.truncate(SOURCE_NAMES_MAX),
        Source::Import(_) | Source::FailedOf { .. } => {}
    }
    source
}

/// Run ids, newest first. The ids themselves have no order in time, because clients may choose
/// them.
#[derive(Debug)]
pub(crate) struct RunOrderProjection;

impl Projection for RunOrderProjection {
    const TABLE: Table = Table::RunOrder;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = RunId;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        matches!(recorded.event, Event::RunRequested { .. }).then(|| newest_first(recorded.version))
    }

    fn evolve(_: Option<RunId>, recorded: &RecordedEvent<'_>) -> Option<RunId> {
        match recorded.event {
            Event::RunRequested { run, .. } => Some(*run),
            _ => None,
        }
    }
}

/// The key of a run's row, and the key prefix of its recipients' rows.
pub(crate) fn key(run: RunId) -> [u8; 16] {
    run.0.0.to_be_bytes()
}

/// The run with this id; none if the company has no such run.
pub(crate) fn find(
    rows: &dyn Rows,
    company: &CompanyId,
    id: RunId,
) -> Result<Option<RunRow>, RowsError> {
    let Some(mut run) = load::<RunProjection>(rows, company, &key(id))? else { return Ok(None) };
    // The engine itself requests the run of an import, after the last row. The row shows the person
    // who requested the import instead.
    let import = imports::find(rows, company, ImportId(id.0))?;
    if let Some(import) = import.filter(|import| import.run == Some(id)) {
        run.requested_by = import.requested_by;
    }
    Ok(Some(run))
}

/// The channels of runs, for one answer. Reads each run only once.
pub(crate) struct RunChannels<'a> {
    rows: &'a dyn Rows,
    company: &'a CompanyId,
    known: BTreeMap<RunId, Option<Channel>>,
}

impl<'a> RunChannels<'a> {
    pub(crate) fn new(rows: &'a dyn Rows, company: &'a CompanyId) -> Self {
        Self { rows, company, known: BTreeMap::new() }
    }

    /// The channel of this run; none if the company has no such run.
    pub(crate) fn of(&mut self, run: RunId) -> Result<Option<Channel>, RowsError> {
        if let Some(channel) = self.known.get(&run) {
            return Ok(*channel);
        }
        let found = load::<RunProjection>(self.rows, self.company, &key(run))?;
        let channel = found.map(|run| run.channel);
        self.known.insert(run, channel);
        Ok(channel)
    }
}
