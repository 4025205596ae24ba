//! From a command to its commit: decided against the company's state, encoded, and taken note of.

use boarding_commands::commit::{Commit, SCHEMA};
use boarding_commands::company::Company;
use boarding_commands::decide::{Asked, Decision};
use boarding_commands::event::Event;
use boarding_commands::values::{Code, Digest, Personal, Refusal};
use serde_json::{Value, json};

use super::{Reply, Request};
use crate::context::Core;
use crate::read::snapshots::{self, Loaded};
use boarding_log::codec::Encoded;
use boarding_log::{EventLog, Head, ReadError};

/// A company's state between two commands.
#[derive(Debug)]
pub(crate) struct State {
    pub company: Company,
    /// The hash of the company's last commit.
    pub hash: Digest,
    /// Events since the last snapshot.
    pub tail: u64,
    /// The version of the last event that bears on imports, or a later one: which it was before this
    /// state was loaded is not known.
    plans_hold_from: u64,
}

impl State {
    pub(crate) fn of(loaded: Loaded) -> Self {
        let Loaded { company, hash, replayed } = loaded;
        Self { plans_hold_from: company.version, company, hash, tail: replayed }
    }

    /// Whether nothing stands in the log that this state does not hold.
    pub(crate) fn has_seen(&self, head: Head) -> bool {
        let Head { version, hash } = head;
        self.company.version > version || (self.company.version == version && self.hash == hash)
    }

    /// The state with what others have appended since.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) fn caught_up(mut self, log: &dyn EventLog) -> Result<Self, ReadError> {
        self.tail += snapshots::catch_up(log, &mut self.company, &mut self.hash)?;
        self.plans_hold_from = self.company.version;
        Ok(self)
    }

    /// Takes note of the next commit.
    pub(crate) fn note(&mut self, encoded: &Encoded) {
        let commit = encoded.commit();
        let turns = self.company.numbers.turns();
        self.company.apply(commit);
        self.hash = encoded.hash();
        self.tail += commit.events.len() as u64;
        // Who begins or ceases to wait for a number changes which ones an import may take.
        let moved = self.company.numbers.turns() != turns;
        if moved || commit.events.iter().any(Event::affects_imports) {
            self.plans_hold_from = self.company.version;
        }
    }

    /// The commit that a decision makes, encoded.
    ///
    /// # Errors
    /// [`Reply::TooLarge`] where it does not fit in one commit.
    pub(crate) fn encode(
        &self,
        request: &Request,
        events: Vec<Event>,
        result: Value,
    ) -> Result<Encoded, Box<Reply>> {
        let commit = Commit {
            company: self.company.id.clone(),
            first_version: self.company.version + 1,
            command: request.id,
            body: request.body.unwrap_or_else(|| Digest::of(request.command.name().as_bytes())),
            actor: Personal(request.actor.clone()),
            at: request.at,
            correlation: request.correlation,
            causation: None,
            traceparent: request.traceparent.clone(),
            schema: SCHEMA,
            result,
            previous: self.hash,
            events,
        };
        Encoded::of(commit).map_err(|error| {
            Box::new(if error.is_too_large() {
                Reply::TooLarge
            } else {
                Reply::Failed { code: Code::Unavailable, why: boarding_log::error_chain(&error) }
            })
        })
    }

    /// What the command's rule says.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn rule(&self, request: &Request) -> Result<Decision, Box<Reply>> {
        let Request { id, actor, authority, at, .. } = request;
        let asked = Asked { command: &(), id: *id, actor, authority: *authority, at: *at };
        request.command.decide(&self.company, &asked).map_err(refused)
    }

    /// Whether the company stands where the asker expects it.
    ///
    /// # Errors
    /// `stream.version_conflict`, or `import.plan_changed` if a plan was overtaken.
    pub(crate) fn check_version(&self, request: &Request) -> Result<(), Refusal> {
        let actual = self.company.version;
        if let Some(expected) = request.expected_version.filter(|expected| *expected != actual) {
            let details = json!({"expected": expected, "actual": actual});
            return Err(Refusal::new(Code::StreamVersionConflict).with(details));
        }
        match request.planned_at {
            Some(planned_at) if planned_at < self.plans_hold_from => {
                Err(Code::ImportPlanChanged.into())
            }
            _ => Ok(()),
        }
    }
}

/// Decides one command: a commit to append, or an answer at once.
pub(super) fn decide(
    core: &Core,
    state: &State,
    request: &Request,
) -> Result<(Encoded, Value), Box<Reply>> {
    if let Some(body) = request.body
        && let Some(answer) = core.first_answer(&state.company.id, request.id, body)
    {
        return Err(Box::new(answer));
    }
    state.check_version(request).map_err(refused)?;
    let Decision { events, result, recorded, repeats } = state.rule(request)?;
    if !recorded {
        let (version, position) = (state.company.version, core.log.end());
        return Err(Box::new(Reply::Accepted {
            duplicate: repeats,
            version,
            position,
            result,
            events,
        }));
    }
    let encoded = state.encode(request, events, result.clone())?;
    Ok((encoded, result))
}

fn refused(refusal: Refusal) -> Box<Reply> {
    Box::new(Reply::Refused(refusal))
}
