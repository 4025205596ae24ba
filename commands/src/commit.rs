//! A commit: the events of one command. It is appended, hashed and repeated as a whole.

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::event::Event;
use crate::values::{CommandId, CompanyId, Digest, Personal, Time};

/// The version of the event formats that this program writes. Events of older versions are upcast when they are read.
pub const SCHEMA: u16 = 1;

/// The events that one command appended to the stream of its company, with one envelope.
///
/// A commit without events records an accepted command that changed nothing. So a repeat of the command gets the same
/// answer, as long as the log exists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    pub company: CompanyId,
    /// The version of the first event: one more than the company's version before it.
    pub first_version: u64,
    pub command: CommandId,
    /// The hash of the command's name and body. The same id with another body is a conflict.
    pub body: Digest,
    pub actor: Personal<String>,
    pub at: Time,
    /// The import, the run or the process of a client that the commit belongs to.
    pub correlation: Option<Ulid>,
    /// The command that caused this one, if the engine submitted it.
    pub causation: Option<CommandId>,
    pub traceparent: Option<String>,
    pub schema: u16,
    /// The `result` of the answer, for a repeat of the command.
    pub result: serde_json::Value,
    /// The hash of the company's commit before this one; zeros for the first.
    pub previous: Digest,
    pub events: Vec<Event>,
    /// The user that the NATS server has authenticated, or the access token as `token:<id>`. None where the set-up
    /// cannot tell, for the engine's own commands, and in older commits.
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

    /// The number of its positions in the log: one per event, and one for a commit without events.
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
    /// The last of its positions.
    pub fn last_position(&self) -> u64 {
        self.position + self.commit.span() - 1
    }

    /// Its events in order, each with its position, its version and the commit.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::company::effects::testing::commit;
    use crate::decide::testing::user_created;

    /// A commit at position 40 of the log, with version 5 of its company.
    fn recorded(keys: &[&str]) -> RecordedCommit {
        let events = keys.iter().map(|key| user_created(key)).collect();
        let commit = Commit { first_version: 5, ..commit(events) };
        RecordedCommit { position: 40, hash: Digest::default(), commit }
    }

    #[test]
    fn each_event_has_its_own_position_and_version() {
        let recorded = recorded(&["ann", "bob", "cid"]);
        let places: Vec<_> =
            recorded.events().map(|event| (event.position, event.version)).collect();
        assert_eq!(places, [(40, 5), (41, 6), (42, 7)]);
        assert_eq!((recorded.last_position(), recorded.commit.last_version()), (42, 7));
    }

    #[test]
    fn commit_without_events_takes_one_position() {
        let recorded = recorded(&[]);
        assert_eq!(recorded.commit.span(), 1);
        assert_eq!((recorded.last_position(), recorded.commit.last_version()), (40, 4));
    }
}
