//! The decide step of the company actor: repeat and version checks, the rule, the encoding.

use boarding_commands::company::Company;
use boarding_commands::event::Event;
use boarding_commands::step::{CommandRequest, StepMode, StepOutcome, step};
use boarding_commands::values::{Code, Digest, Refusal};
use serde_json::{Value, json};

use crate::context::EngineContext;
use crate::read::snapshots::{self, Loaded};
use crate::reply::Reply;
use boarding_log::codec::{EncodeError, Encoded};
use boarding_log::{EventLog, Head, ReadError};

/// The state of a company between two commands.
#[derive(Debug)]
pub(crate) struct State {
    pub company: Company,
    /// The hash of the last commit.
    pub hash: Digest,
    /// The number of events since the last snapshot, or since the last that failed.
    pub since_snapshot: u64,
    /// Plans made at this version or later are valid. Earlier ones are stale. After
    /// loading it is the loaded version, because the exact one is unknown.
    plans_valid_from: u64,
}

impl State {
    pub(crate) fn of(loaded: Loaded) -> Self {
        let Loaded { company, hash, replayed } = loaded;
        Self { plans_valid_from: company.version, company, hash, since_snapshot: replayed }
    }

    pub(crate) fn needs_snapshot_at_rest(&self) -> bool {
        snapshots::worth_at_rest(&self.company, self.since_snapshot)
    }

    pub(crate) fn needs_snapshot_while_busy(&self) -> bool {
        snapshots::worth_while_busy(&self.company, self.since_snapshot)
    }

    /// Whether the state contains all commits up to this head.
    pub(crate) fn has_seen(&self, head: Head) -> bool {
        let Head { version, hash } = head;
        self.company.version > version || (self.company.version == version && self.hash == hash)
    }

    /// Applies the commits that other engines have appended since.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) fn caught_up(mut self, log: &dyn EventLog) -> Result<Self, ReadError> {
        self.since_snapshot += snapshots::catch_up(log, &mut self.company, &mut self.hash)?;
        self.plans_valid_from = self.company.version;
        Ok(self)
    }

    /// Decides the request and folds the events of its commit.
    pub(crate) fn step(
        &mut self,
        request: &CommandRequest,
        mode: StepMode,
    ) -> StepOutcome<Encoded, EncodeError> {
        let waiting_changes = self.company.numbers.waiting_changes();
        let outcome = step(&mut self.company, self.hash, request, mode, Encoded::of);
        if let StepOutcome::Commit(encoded) = &outcome {
            let events = &encoded.commit().events;
            self.hash = encoded.hash();
            self.since_snapshot += events.len() as u64;
            // An import may get other numbers when a person starts or stops waiting for one.
            let waiting_changed = self.company.numbers.waiting_changes() != waiting_changes;
            if waiting_changed || events.iter().any(Event::affects_imports) {
                self.plans_valid_from = self.company.version;
            }
        }
        outcome
    }

    /// Checks that the company is at the version that the caller expects.
    ///
    /// # Errors
    /// `stream.version_conflict`, or `import.plan_changed` if an event has made the plan of an import stale.
    pub(crate) fn check_version(&self, request: &CommandRequest) -> Result<(), Refusal> {
        let actual = self.company.version;
        if let Some(expected) = request.expected_version.filter(|expected| *expected != actual) {
            let details = json!({"expected": expected, "actual": actual});
            return Err(Refusal::new(Code::StreamVersionConflict).with(details));
        }
        match request.planned_at {
            Some(planned_at) if planned_at < self.plans_valid_from => {
                Err(Code::ImportPlanChanged.into())
            }
            _ => Ok(()),
        }
    }
}

/// A decided command.
pub(super) enum Decided {
    /// The commit to append; the state already contains its events.
    Commit(Box<Encoded>),
    /// The reply; there is nothing to append.
    Reply(Box<Reply>),
}

/// Decides one command against the state.
pub(super) fn decide(
    context: &EngineContext,
    state: &mut State,
    request: &CommandRequest,
) -> Decided {
    let reply = match first_reply(context, state, request) {
        Some(reply) => reply,
        None => match state.step(request, StepMode::Append) {
            StepOutcome::Commit(encoded) => return Decided::Commit(Box::new(encoded)),
            StepOutcome::Answer(result) => answer(context, state, false, result),
            StepOutcome::Repeat(result) => answer(context, state, true, result),
            StepOutcome::Refused(refusal) => Reply::Refused(refusal),
            StepOutcome::NotEncoded(error) => Reply::not_encoded(&error),
        },
    };
    Decided::Reply(Box::new(reply))
}

/// The reply to a repeated command, or the refusal of an unexpected version.
fn first_reply(context: &EngineContext, state: &State, request: &CommandRequest) -> Option<Reply> {
    // A repeated command gets its first answer again, even if the company has another version now.
    let repeated =
        request.body.and_then(|body| context.first_answer(&state.company.id, request.id, body));
    repeated.or_else(|| state.check_version(request).err().map(Reply::Refused))
}

fn answer(context: &EngineContext, state: &State, duplicate: bool, result: Value) -> Reply {
    let (version, position) = (state.company.version, context.log.end());
    Reply::Accepted { duplicate, version, position, result, events: Vec::new() }
}
