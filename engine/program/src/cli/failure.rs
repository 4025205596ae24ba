//! Results of verbs, with their exit statuses.

use boarding_commands::envelope::Answer;
use boarding_commands::values::{Code, Refusal};
use boarding_log::CompanyDamage;
use serde_json::{Value, json};

use boarding_core::data_dir::DataDirError;
use boarding_core::engine::EngineError;
use boarding_core::queries::QueryFailure;
use boarding_core::read::verification::VerifyError;

/// The result of a verb.
pub(super) type CliResult = Result<Done, Failure>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Completely,
    /// Done, but some rows were invalid or some people failed.
    WithFailures,
}

impl Done {
    /// `WithFailures` if the number is not 0.
    pub(super) fn with_failures(count: u64) -> Self {
        if count == 0 { Self::Completely } else { Self::WithFailures }
    }

    pub(super) fn status(self) -> u8 {
        match self {
            Self::Completely => 0,
            Self::WithFailures => 5,
        }
    }
}

/// Why a verb failed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Failure {
    /// The engine refused: the answer, its code and its message.
    Refused { document: Value, code: String, message: String },
    /// Arguments are wrong or missing.
    Usage(String),
    /// Stored data is damaged.
    Damaged(String),
    /// The log failed a check: what was found, and where.
    Found { document: Value, message: String },
    /// A server, the log or a file is unavailable. A retry may succeed.
    Unavailable(String),
    /// As `Unavailable`, with the answer of the engine.
    Failed { document: Value, message: String },
    /// A command was accepted and something failed afterwards: the answer with the failure in it.
    AfterAcceptance { document: Value, message: String },
    /// The operator pressed Ctrl-C.
    Interrupted(String),
}

impl Failure {
    pub(super) fn status(&self) -> u8 {
        match self {
            Self::Refused { .. } => 1,
            Self::Usage(_) => 2,
            Self::Damaged(_) | Self::Found { .. } => 3,
            Self::Unavailable(_) | Self::Failed { .. } | Self::AfterAcceptance { .. } => 4,
            Self::Interrupted(_) => 130,
        }
    }

    /// The answer of the engine, if there is one.
    pub(super) fn document(&self) -> Option<&Value> {
        match self {
            Self::Refused { document, .. }
            | Self::Found { document, .. }
            | Self::Failed { document, .. }
            | Self::AfterAcceptance { document, .. } => Some(document),
            _ => None,
        }
    }

    /// Whether it is the answer to a command. The answer to a query names no command.
    pub(super) fn is_of_command(&self) -> bool {
        self.document().is_some_and(|document| document.get("command").is_some())
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Refused { code, message, .. } => format!("refused: {code}: {message}"),
            Self::Usage(text)
            | Self::Damaged(text)
            | Self::Unavailable(text)
            | Self::Found { message: text, .. }
            | Self::Failed { message: text, .. }
            | Self::AfterAcceptance { message: text, .. }
            | Self::Interrupted(text) => text.clone(),
        }
    }

    /// Adds to the message that the log cannot be written, unless the message says so already.
    pub(super) fn with_failed_log(self, why: &str) -> Self {
        let log = of_log(why).text();
        let add =
            |text: String| if text.contains(&log) { text } else { format!("{log}\n  {text}") };
        match self {
            Self::Unavailable(text) => Self::Unavailable(add(text)),
            Self::Failed { document, message } => Self::Failed { document, message: add(message) },
            Self::AfterAcceptance { document, message } => {
                Self::AfterAcceptance { document, message: add(message) }
            }
            other => other,
        }
    }

    /// The failure for an answer that is not accepted.
    pub(super) fn of_answer(answer: &Answer) -> Self {
        let document = json!(answer);
        match answer {
            Answer::Refused { code, message, .. } => {
                Self::Refused { document, code: code.to_string(), message: message.clone() }
            }
            Answer::Failed { code: code @ Code::LogCompanyDamaged, message, .. } => {
                Self::Found { document, message: format!("{code}: {message}") }
            }
            Answer::Failed { code, message, .. } => {
                Self::Failed { document, message: format!("{code}: {message}") }
            }
            Answer::Accepted { .. } => Self::Unavailable("an accepted answer".to_owned()),
        }
    }
}

/// The failure of a comparison of the read models with the log.
pub(super) fn of_verification(error: &VerifyError) -> Failure {
    let text = boarding_log::error_chain(error);
    match error {
        VerifyError::Differs(_) => Failure::Damaged(text),
        _ => Failure::Unavailable(text),
    }
}

/// The result of a verb. One that has shown a damaged company up to its damage ends with the damage.
pub(super) fn unless_damaged(result: CliResult, damage: Option<CompanyDamage>) -> CliResult {
    match (result, damage) {
        (Ok(_), Some(damage)) => Err(Failure::Damaged(format!("{damage}\n  {DAMAGE_ADVICE}"))),
        (result, _) => result,
    }
}

/// Damage of the log that stops no known company, with what to do.
pub(super) fn further_damage(damage: &str) -> String {
    format!("{damage}; to mend it: boarding repair (boarding manual trouble)")
}

/// What to do about a damaged company.
const DAMAGE_ADVICE: &str = "the company can be read up to there and takes no commands; to get the missing part back: boarding repair --from BACKUP (boarding manual trouble)";

/// The failure of a program whose log cannot be written.
pub(super) fn of_log(why: &str) -> Failure {
    Failure::Unavailable(format!(
        "the log cannot be written, so the program ends: {why}\n  the next start opens the log again; no mail is sent twice"
    ))
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
    fn from(failure: QueryFailure) -> Self {
        match failure {
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
        if let EngineError::Folder(DataDirError::InUse { process, address, .. }) = &error {
            text.push_str(&while_in_use(process, address.as_deref()));
        }
        Self::Unavailable(text)
    }
}

/// Advice while another process uses the folder. Only `boarding serve` accepts commands of other processes.
fn while_in_use(process: &str, address: Option<&str>) -> String {
    let arguments = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let serves = arguments.split(|byte| *byte == 0).any(|argument| argument == b"serve");
    let other = "for another folder: add --data DIR";
    if let Some(address) = address {
        return format!(
            "\n  that process serves the folder over HTTP: add --url {address} and --token @FILE instead of --data (boarding manual http)\n  to use the folder here: stop that process (kill {process}), and start it again afterwards\n  {other}"
        );
    }
    if serves {
        return format!(
            "\n  that process serves the folder: send commands and queries to it over NATS (boarding manual nats)\n  to use the folder here: stop that process (kill {process}), and start it again afterwards\n  {other}"
        );
    }
    // The other process may not have written its number into the lock file yet.
    let is_known = process.parse::<u32>().is_ok();
    let kill = if is_known { format!(", or kill -INT {process}") } else { String::new() };
    format!(
        "\n  wait until that process ends, or end it: Ctrl-C in its terminal{kill}\n  no mail is sent twice; to go on with what it has not done: boarding runs resume\n  while it works, other commands only read the folder; to work and take commands at the same time: boarding serve (boarding manual nats)\n  {other}"
    )
}

/// What a query shows, or nothing if the engine refuses it: an actor may do things without seeing all that follows.
pub(super) fn if_shown<T: Default>(shown: Result<T, Failure>) -> Result<T, Failure> {
    match shown {
        Err(Failure::Refused { .. }) => Ok(T::default()),
        shown => shown,
    }
}

/// A failure because something is not available now: a server, the disk.
pub(super) fn unavailable(error: &dyn std::error::Error) -> Failure {
    Failure::Unavailable(boarding_log::error_chain(error))
}
