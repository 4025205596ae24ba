//! How the program may end: each way with its exit status and its words (contract, section 5).

use boarding_commands::envelope::Answer;
use boarding_commands::values::Refusal;
use serde_json::{Value, json};

use boarding_core::engine::EngineError;
use boarding_core::read::queries::QueryFailure;

/// How a verb ended.
pub(super) type Ending = Result<Done, Failure>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Well,
    /// Done, but rows were invalid or people failed.
    WithLosses,
}

impl Done {
    /// With losses if there were any.
    pub(super) fn losing(lost: u64) -> Self {
        if lost == 0 { Self::Well } else { Self::WithLosses }
    }

    pub(super) fn status(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::WithLosses => 5,
        }
    }
}

/// Why a verb did not do what was asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Failure {
    /// A rule is broken: the answer as a document, its code and its message.
    Refused { document: Value, code: String, message: String },
    /// The words cannot be understood, or something is missing among them.
    Usage(String),
    /// What is stored does not pass its check.
    Damaged(String),
    /// It may work later; the answer, if there is one.
    Unavailable(String),
    /// As above, with the answer that says so.
    Failed { document: Value, message: String },
    /// Somebody pressed Ctrl-C.
    Interrupted(String),
}

impl Failure {
    pub(super) fn status(&self) -> u8 {
        match self {
            Self::Refused { .. } => 1,
            Self::Usage(_) => 2,
            Self::Damaged(_) => 3,
            Self::Unavailable(_) | Self::Failed { .. } => 4,
            Self::Interrupted(_) => 130,
        }
    }

    /// The document to answer with, where answers are documents.
    pub(super) fn document(&self) -> Option<&Value> {
        match self {
            Self::Refused { document, .. } | Self::Failed { document, .. } => Some(document),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Refused { code, message, .. } => format!("refused: {code}: {message}"),
            Self::Usage(text)
            | Self::Damaged(text)
            | Self::Unavailable(text)
            | Self::Failed { message: text, .. }
            | Self::Interrupted(text) => text.clone(),
        }
    }

    /// What an answer other than an accepted one makes.
    pub(super) fn of_answer(answer: &Answer) -> Self {
        let document = json!(answer);
        match answer {
            Answer::Refused { code, message, .. } => {
                Self::Refused { document, code: code.to_string(), message: message.clone() }
            }
            Answer::Failed { code, message, .. } => {
                Self::Failed { document, message: format!("{code}: {message}") }
            }
            Answer::Accepted { .. } => Self::Unavailable("an accepted answer".to_owned()),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, message, details } = refusal;
        let document =
            json!({"outcome": "refused", "code": code, "message": message, "details": details});
        Self::Refused { document, code: code.to_string(), message }
    }
}

impl From<QueryFailure> for Failure {
    fn from(no: QueryFailure) -> Self {
        match no {
            QueryFailure::Refused(refusal) => refusal.into(),
            QueryFailure::Failed { code, why } => {
                let message = format!("{} ({why})", code.text());
                let document =
                    json!({"outcome": "failed", "code": code, "message": message, "retry": true});
                Self::Failed { document, message: format!("{code}: {message}") }
            }
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let mut text = boarding_log::error_chain(&error);
        if error.is_damage() {
            return Self::Damaged(text);
        }
        if matches!(&error, EngineError::Folder(folder) if folder.is_transient()) {
            text.push_str("; wait for it to end, or name another folder with --data");
        }
        Self::Unavailable(text)
    }
}
