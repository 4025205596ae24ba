//! The rules by name, and what breaks them.

use serde::Serialize;

/// The rule that an event breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// At most one run of a company is running.
    RunOverlap,
    /// Runs start in the order in which they were queued.
    RunOrder,
    /// An event of a run fits the state of the run.
    RunState,
    /// Each recipient of a completed run has one outcome.
    RecipientOutcome,
    /// A recipient is claimed again only after the earlier claim has ended.
    RecipientClaim,
    /// Each row of a completed import has one outcome, in the order of the file.
    ImportRows,
    /// An event of an import fits the state of the import.
    ImportState,
    /// An event of a user is about a user who exists.
    UserState,
    /// A phone is on the corporate phone list of one user only.
    PhoneOwner,
    /// A number of the pool has one state and one holder.
    NumberState,
}

impl Rule {
    /// The name of the rule in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunOverlap => "run_overlap",
            Self::RunOrder => "run_order",
            Self::RunState => "run_state",
            Self::RecipientOutcome => "recipient_outcome",
            Self::RecipientClaim => "recipient_claim",
            Self::ImportRows => "import_rows",
            Self::ImportState => "import_state",
            Self::UserState => "user_state",
            Self::PhoneOwner => "phone_owner",
            Self::NumberState => "number_state",
        }
    }
}

/// An event that breaks a rule. The text names runs, imports and rows, and no person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct RuleBreak {
    pub rule: Rule,
    pub what: String,
}

/// Whether an event keeps the rules.
pub(super) type RuleResult = Result<(), RuleBreak>;

/// The break of a rule, unless the condition is true.
pub(super) fn require(condition: bool, rule: Rule, what: impl FnOnce() -> String) -> RuleResult {
    if condition { Ok(()) } else { Err(RuleBreak { rule, what: what() }) }
}
