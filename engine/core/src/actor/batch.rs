//! Commands that are decided together and appended as one.

use std::collections::HashSet;

use boarding_commands::event::Event;
use boarding_commands::step::Request;
use boarding_commands::values::CommandId;
use serde_json::Value;
use tokio::sync::oneshot;

use super::Reply;
use crate::limits::BATCH_COMMANDS_MAX;
use boarding_log::codec::{COMMIT_BYTES_MAX, COMMIT_EVENTS_MAX, Encoded};
use boarding_log::{APPEND_POSITIONS_MAX, Appended};

/// Commands decided together, before they are durable.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) commits: Vec<Encoded>,
    pub(super) bytes: usize,
    pub(super) positions: u64,
    pub(super) decided: Vec<Decided>,
    pub(super) ids: HashSet<CommandId>,
}

/// A command of a batch, in the order they came.
pub(super) struct Decided {
    pub(super) request: Box<Request>,
    pub(super) reply: oneshot::Sender<Reply>,
    pub(super) outcome: Outcome,
}

pub(super) enum Outcome {
    /// It waits for the next commit of the batch.
    Commit { result: Value, events: Vec<Event> },
    /// It appends nothing, but its answer rests on what the others append.
    Reply(Box<Reply>),
}

impl Batch {
    /// Whether another commit of the largest size might not fit.
    pub(super) fn is_full(&self, bytes_max: usize) -> bool {
        self.decided.len() >= BATCH_COMMANDS_MAX
            || self.bytes + COMMIT_BYTES_MAX > bytes_max
            || self.positions + COMMIT_EVENTS_MAX as u64 > APPEND_POSITIONS_MAX
    }
}

/// Answers the commands of a batch, now that its commits are durable.
pub(super) fn answer_all(decided: Vec<Decided>, appended: Vec<Appended>) {
    let mut appended = appended.into_iter();
    for Decided { reply, outcome, .. } in decided {
        let answer = match outcome {
            Outcome::Reply(reply) => *reply,
            Outcome::Commit { result, events } => {
                let Some(at) = appended.next() else { return };
                let (version, position) = (at.last_version, at.last_position);
                Reply::Accepted { duplicate: false, version, position, result, events }
            }
        };
        let _ = reply.send(answer);
    }
}
