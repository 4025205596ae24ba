//! The reply to a command, inside the engine.

use boarding_commands::envelope::Answer;
use boarding_commands::event::Event;
use boarding_commands::values::{Code, CommandId, Refusal};
use boarding_log::codec::EncodeError;
use serde_json::Value;

/// The outcome of a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The command is durable. The events are those of the new commit; a repeated command gets none.
    Accepted {
        duplicate: bool,
        version: u64,
        position: u64,
        result: Value,
        events: Vec<Event>,
    },
    Refused(Refusal),
    /// Nothing was appended, or the outcome is unknown. The same command may be sent again.
    Failed {
        code: Code,
        why: String,
    },
    /// The events do not fit in one commit.
    TooLarge,
}

impl Reply {
    /// The reply while the engine stops.
    pub(crate) fn stopped() -> Self {
        Self::Failed { code: Code::Unavailable, why: "the engine is stopping".to_owned() }
    }

    /// The reply for a command that does not reach its company: a temporary failure, or a refusal.
    pub(crate) fn rejected(refusal: Refusal) -> Self {
        if refusal.code == Code::Unavailable {
            Self::Failed { code: refusal.code, why: refusal.message }
        } else {
            Self::Refused(refusal)
        }
    }

    /// The reply for a commit that cannot be encoded.
    pub(crate) fn not_encoded(error: &EncodeError) -> Self {
        if error.is_too_large() {
            Self::TooLarge
        } else {
            Self::Failed { code: Code::Unavailable, why: boarding_log::error_chain(error) }
        }
    }

    /// Converts the reply to the answer for the caller.
    pub(crate) fn into_answer(self, command: CommandId) -> Answer {
        match self {
            Self::Accepted { duplicate, version, position, result, .. } => {
                Answer::Accepted { command, duplicate, version, position, result }
            }
            Self::Refused(refusal) => Answer::refused(command, refusal),
            Self::Failed { code, why } => Answer::failed(command, code, &why),
            Self::TooLarge => {
                let refusal = Refusal::new(Code::EnvelopeMalformed)
                    .saying("its events do not fit in one commit; send fewer people, numbers or pictures at once");
                Answer::refused(command, refusal)
            }
        }
    }
}
