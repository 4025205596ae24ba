//! A batch: commands that are decided together and appended at once.

use std::collections::HashSet;

use boarding_commands::decide::Command;
use boarding_commands::event::Event;
use boarding_commands::step::CommandRequest;
use boarding_commands::values::CommandId;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::limits::BATCH_COMMANDS_MAX;
use crate::reply::Reply;
use boarding_log::codec::{COMMIT_BYTES_MAX, COMMIT_EVENTS_MAX, Encoded};
use boarding_log::{APPEND_POSITIONS_MAX, Appended};

/// Decided commands that are not durable yet.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) commits: Vec<Encoded>,
    pub(super) bytes: usize,
    pub(super) positions: u64,
    pub(super) decided: Vec<BatchedCommand>,
    pub(super) ids: HashSet<CommandId>,
}

/// A decided command of a batch.
pub(super) struct BatchedCommand {
    pub(super) request: Box<CommandRequest>,
    pub(super) reply: oneshot::Sender<Reply>,
    pub(super) outcome: BatchedOutcome,
}

impl BatchedCommand {
    /// Whether it only reports mails that this engine has sent. It is appended in any case: the mails are sent, and
    /// the log of no other engine has their outcomes.
    pub(super) fn reports_mails(&self) -> bool {
        matches!(
            self.request.command,
            Command::ReportRecipients(_) | Command::ReportNotification(_)
        )
    }
}

pub(super) enum BatchedOutcome {
    /// It has a commit in the batch.
    Commit { result: Value, events: Vec<Event> },
    /// It has no commit, but its reply may depend on other commits of the batch.
    Reply(Box<Reply>),
}

impl Batch {
    /// Whether a further commit of the largest size could exceed a limit.
    pub(super) fn is_full(&self, bytes_max: usize) -> bool {
        self.decided.len() >= BATCH_COMMANDS_MAX
            || self.bytes + COMMIT_BYTES_MAX > bytes_max
            || self.positions + COMMIT_EVENTS_MAX as u64 > APPEND_POSITIONS_MAX
    }
}

/// Sends the replies of a batch after its commits are durable.
pub(super) fn answer_all(decided: Vec<BatchedCommand>, appended: Vec<Appended>) {
    let mut appended = appended.into_iter();
    for BatchedCommand { reply, outcome, .. } in decided {
        let answer = match outcome {
            BatchedOutcome::Reply(reply) => *reply,
            BatchedOutcome::Commit { result, events } => {
                let Some(at) = appended.next() else { return };
                let (version, position) = (at.last_version, at.last_position);
                Reply::Accepted { duplicate: false, version, position, result, events }
            }
        };
        let _ = reply.send(answer);
    }
}
