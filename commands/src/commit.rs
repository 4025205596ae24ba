//! A commit: what one command appended. The unit of append, of hashing and of idempotency.

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::event::Event;
use crate::values::{CommandId, CompanyId, Digest, Personal, Time};

/// The version of the events' shapes that this program writes. Older ones are upcast on reading.
pub const SCHEMA: u16 = 1;

/// What one command appended to its company's stream: the envelope once, and its events.
///
/// A commit without events remembers an accepted command that changed nothing, so that the
/// same command asked again is answered the same, for as long as the log lasts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    pub company: CompanyId,
    /// The version of the first event: one more than the company's version before it.
    pub first_version: u64,
    pub command: CommandId,
    /// The command's name and body, hashed: the same id with another body is a conflict.
    pub body: Digest,
    pub actor: Personal<String>,
    pub at: Time,
    /// The import, run or foreign process this belongs to.
    pub correlation: Option<Ulid>,
    /// The command that led to this one, where the engine itself asked.
    pub causation: Option<CommandId>,
    pub traceparent: Option<String>,
    pub schema: u16,
    /// The `result` of the accepted answer, so that it can be given again.
    pub result: serde_json::Value,
    /// The hash of the company's commit before this one; zeros for the first.
    pub previous: Digest,
    pub events: Vec<Event>,
    /// The user that the NATS server has authenticated. None where the set-up cannot tell, for the engine's own
    /// commands, and in older commits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticated: Option<Personal<String>>,
}

impl AsRef<Self> for Commit {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl Commit {
    /// The company's version after this commit.
    pub fn last_version(&self) -> u64 {
        self.first_version + self.events.len() as u64 - 1
    }

    /// How many positions of the log it takes: one an event, and one if it has none.
    pub fn span(&self) -> u64 {
        self.events.len().max(1) as u64
    }
}

/// A commit in the log, with its position and hash.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedCommit {
    /// The position of its first event in the whole log. The event with the index n has `position + n`.
    pub position: u64,
    /// The BLAKE3 hash of its canonical bytes. These contain the hash of the previous commit.
    pub hash: Digest,
    pub commit: Commit,
}

impl RecordedCommit {
    /// The last position it takes.
    pub fn last_position(&self) -> u64 {
        self.position + self.commit.span() - 1
    }

    /// Its events one by one, each with its place and its commit's envelope.
    pub fn events(&self) -> impl Iterator<Item = RecordedEvent<'_>> {
        self.commit.events.iter().zip(0u64..).map(|(event, n)| RecordedEvent {
            position: self.position + n,
            version: self.commit.first_version + n,
            event,
            commit: &self.commit,
            hash: self.hash,
        })
    }
}

/// One event with its position, version and commit: the input of a projection.
#[derive(Debug, Clone, Copy)]
pub struct RecordedEvent<'a> {
    pub position: u64,
    pub version: u64,
    pub event: &'a Event,
    /// The envelope: company, command, actor, time, correlation.
    pub commit: &'a Commit,
    /// The hash of the commit it belongs to.
    pub hash: Digest,
}
