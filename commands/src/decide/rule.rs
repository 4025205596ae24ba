//! What the rule of a command is given, and what it returns.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use crate::company::Company;
use crate::event::{Event, Permission};
use crate::schema::Nothing;
use crate::values::{Code, CommandId, Refusal, Time};

/// A command and the circumstances it is asked in. Time and ids come in with it.
#[derive(Debug, Clone)]
pub struct Asked<'a, C> {
    pub command: &'a C,
    pub id: CommandId,
    pub actor: &'a str,
    pub authority: Authority,
    pub at: Time,
}

/// By what right an actor asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// What the company granted the actor.
    Granted,
    /// Every permission: the owner of the data folder, and the engine itself.
    All,
}

/// What a rule decided: the facts to append, and the `result` of the accepted answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub events: Vec<Event>,
    pub result: Value,
    /// Whether to append a commit. A preview, or the engine's own question, that changed nothing leaves no trace.
    pub recorded: bool,
    /// Whether the same was asked and done before, under another command's id.
    pub repeats: bool,
}

impl Decision {
    /// Facts, and an answer without anything to tell.
    pub fn of(events: Vec<Event>) -> Self {
        Self { events, result: json!({}), recorded: true, repeats: false }
    }

    #[must_use]
    pub fn telling(mut self, result: Value) -> Self {
        self.result = result;
        self
    }

    /// An answer that leaves no trace in the log.
    pub fn unrecorded(result: Value) -> Self {
        Self { events: Vec::new(), result, recorded: false, repeats: false }
    }

    /// What stands already; nothing is done twice.
    pub fn repeat(result: Value) -> Self {
        Self { repeats: true, ..Self::unrecorded(result) }
    }

    /// Facts that are only worth a commit if there are any: what the engine asks of itself again and again.
    pub fn if_any(events: Vec<Event>) -> Self {
        Self { recorded: !events.is_empty(), ..Self::of(events) }
    }
}

impl<C> Asked<'_, C> {
    /// Refuses an actor who lacks the permission.
    ///
    /// # Errors
    /// `auth.permission_denied`, naming the permission.
    pub fn require(&self, company: &Company, permission: Permission) -> Result<(), Refusal> {
        if self.authority == Authority::All || company.grants.allows(self.actor, permission) {
            return Ok(());
        }
        let name = permission.as_str();
        Err(Refusal::new(Code::AuthPermissionDenied).saying(name).with(json!({"permission": name})))
    }
}

impl<C> Asked<'_, C> {
    /// Refuses an actor who may not invite these people: accounts are the business of whoever imports accounts
    /// too (ML-01, ML-10).
    ///
    /// # Errors
    /// `auth.permission_denied`, naming the permission.
    pub(crate) fn require_to_invite(
        &self,
        company: &Company,
        users: &[String],
    ) -> Result<(), Refusal> {
        let is_account = |key: &String| {
            company.users.created(key).is_some_and(|(id, _)| company.numbers.is_account(id))
        };
        let only_accounts = !users.is_empty() && users.iter().all(is_account);
        if only_accounts && self.require(company, Permission::Accounts).is_ok() {
            return Ok(());
        }
        self.require(company, Permission::BulkIntegrateUsers)
    }
}

/// The rule of one command. It records nothing: it returns events or a refusal.
pub trait Decide {
    /// The permission that the actor needs.
    const NEEDS: Option<Permission>;
    /// Whether the rule assigns numbers of the pool, or counts the available ones.
    const TAKES_NUMBERS: bool = false;

    /// # Errors
    /// The rule that is broken, with its stable code.
    fn decide(&self, company: &Company, asked: &Asked<'_, Self>) -> Result<Decision, Refusal>
    where
        Self: Sized;

    /// The shape of the `result` of its accepted answer.
    fn result_schema(generator: &mut SchemaGenerator) -> Schema
    where
        Self: Sized,
    {
        Nothing::json_schema(generator)
    }
}

/// The longest name, title or other single-line text a command takes, in characters.
pub const MAX_TEXT_CHARS: usize = 255;

/// Checks a single-line text that a command brought: not empty, not too long, no control characters.
///
/// # Errors
/// `field.required`, `field.length` or `field.control_character`, naming the field.
pub fn check_text(field: &str, text: &str) -> Result<(), Refusal> {
    let refuse = |code: Code| Refusal::new(code).saying(field).with(json!({"field": field}));
    if text.trim().is_empty() {
        return Err(refuse(Code::FieldRequired));
    }
    if text.chars().count() > MAX_TEXT_CHARS {
        let limits = json!({"field": field, "min": 1, "max": MAX_TEXT_CHARS});
        return Err(Refusal::new(Code::FieldLength).saying(field).with(limits));
    }
    if text.chars().any(char::is_control) {
        return Err(refuse(Code::FieldControlCharacter));
    }
    Ok(())
}
