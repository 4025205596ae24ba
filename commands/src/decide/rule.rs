//! The trait of a command's rule, its context, and its decision.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};

use crate::company::{Company, LiveLink};
use crate::decide::facts::Facts;
use crate::event::{Event, OutboxId, Permission};
use crate::schema::Nothing;
use crate::values::{Code, CommandId, CompanyId, Problem, Refusal, Time};

/// The rule of one command. A rule records nothing: it returns a decision or a refusal.
pub trait Decide {
    /// The permission that the actor needs.
    const NEEDS: Option<Permission>;
    /// Whether the rule assigns numbers of the pool, or counts the available ones.
    const TAKES_NUMBERS: bool = false;

    /// # Errors
    /// The stable code of the violated condition.
    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal>;

    /// The schema of the `result` in the accepted answer.
    fn result_schema(generator: &mut SchemaGenerator) -> Schema
    where
        Self: Sized,
    {
        Nothing::json_schema(generator)
    }
}

/// The circumstances of a command: its id, actor and time, and the facts found by the engine.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub id: CommandId,
    pub actor: &'a str,
    /// The user that the NATS server has authenticated. None where the set-up cannot tell.
    pub authenticated: Option<&'a str>,
    pub authority: Authority,
    pub at: Time,
    pub facts: &'a Facts,
    pub mail_setup: &'a MailSetup,
}

/// How the engine sends mails and text messages.
#[derive(Debug, Clone, Default)]
pub struct MailSetup {
    /// Whether mails leave by a mail server, as opposed to files or workers.
    pub by_mail_server: bool,
    /// Whether mails that are no invitations leave by a mail server.
    pub notifications_by_mail_server: bool,
    /// Whether the engine has a public page for links. Companies that set no page of their own use it.
    pub has_link_page: bool,
    /// The fingerprint of the engine's secret for links. `None` checks and records nothing.
    pub link_secret: Option<String>,
    /// The transport of text messages, by name. `None` if the engine can send none.
    pub texts_via: Option<&'static str>,
    /// The outbox of invitations by mail; none if their transport is no outbox.
    pub outbox: Option<OutboxId>,
    /// The outbox of other mails.
    pub notifications_outbox: Option<OutboxId>,
    /// The transport that sends mails that are no invitations.
    pub notifications_via: Option<&'static str>,
    /// The outbox of text messages.
    pub texts_outbox: Option<OutboxId>,
}

/// The source of an actor's permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// The permissions that the company granted to the actor. A NATS user may name only the actors that it is bound to.
    Granted,
    /// The permissions that the company granted to the actor, who owns the access token of the request. Bindings of NATS
    /// users do not concern it.
    TokenOwner,
    /// Every permission: the owner of the data folder, and the engine itself.
    All,
}

/// The decision of a rule: the events to append, and the `result` of the accepted answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// The events form a commit. A commit without events stores the answer for a repeated command.
    Append { events: Vec<Event>, result: Value },
    /// The events that a commit would contain. Nothing is appended.
    Preview { events: Vec<Event>, result: Value },
    /// An answer without a commit.
    Answer { result: Value },
    /// An earlier command with another id did the same. Nothing is appended.
    Repeat { result: Value },
}

impl Decision {
    /// A commit with an empty `result`.
    pub fn append(events: Vec<Event>) -> Self {
        Self::Append { events, result: json!({}) }
    }

    /// A commit, or an answer without a commit where there are no events.
    pub fn append_if_any(events: Vec<Event>) -> Self {
        if events.is_empty() { Self::Answer { result: json!({}) } } else { Self::append(events) }
    }

    #[must_use]
    pub fn with_result(mut self, value: Value) -> Self {
        let (Self::Append { result, .. }
        | Self::Preview { result, .. }
        | Self::Answer { result }
        | Self::Repeat { result }) = &mut self;
        *result = value;
        self
    }

    /// Adds events at the end of the commit.
    #[must_use]
    pub fn with_events(mut self, more: impl IntoIterator<Item = Event>) -> Self {
        if let Some(events) = self.events_mut() {
            events.extend(more);
        }
        self
    }

    /// The events to append, or those of a preview. `None` for an answer without a commit.
    pub(crate) fn events_mut(&mut self) -> Option<&mut Vec<Event>> {
        match self {
            Self::Append { events, .. } | Self::Preview { events, .. } => Some(events),
            Self::Answer { .. } | Self::Repeat { .. } => None,
        }
    }

    /// The events to append, or those of a preview.
    pub fn events(&self) -> &[Event] {
        match self {
            Self::Append { events, .. } | Self::Preview { events, .. } => events,
            Self::Answer { .. } | Self::Repeat { .. } => &[],
        }
    }

    pub fn into_events(self) -> Vec<Event> {
        match self {
            Self::Append { events, .. } | Self::Preview { events, .. } => events,
            Self::Answer { .. } | Self::Repeat { .. } => Vec::new(),
        }
    }

    pub fn result(&self) -> &Value {
        let (Self::Append { result, .. }
        | Self::Preview { result, .. }
        | Self::Answer { result }
        | Self::Repeat { result }) = self;
        result
    }

    /// Whether a commit is appended.
    pub fn is_append(&self) -> bool {
        matches!(self, Self::Append { .. })
    }
}

impl Context<'_> {
    /// Refuses an actor that the authenticated user may not name.
    ///
    /// # Errors
    /// `auth.actor_not_bound`, `auth.user_not_bound`.
    pub(crate) fn require_bound_actor(&self, company: &Company) -> Result<(), Refusal> {
        match self.authority {
            Authority::All | Authority::TokenOwner => Ok(()),
            Authority::Granted => company.check_binding(self.authenticated, Some(self.actor)),
        }
    }

    /// Refuses an actor without the permission.
    ///
    /// # Errors
    /// `auth.permission_denied`, with the name of the permission.
    pub fn require(&self, company: &Company, permission: Permission) -> Result<(), Refusal> {
        match self.authority {
            Authority::All => Ok(()),
            Authority::Granted | Authority::TokenOwner => {
                company.check_permission(self.actor, permission)
            }
        }
    }

    /// Refuses to invite with another secret for links than before and, by a mail server, while the link or the sender
    /// is a placeholder: every link would be dead.
    ///
    /// # Errors
    /// `link_secret.changed`; `config.link_base_url_unset`, with the commands that set both.
    pub(crate) fn require_mail_settings(&self, company: &Company) -> Result<(), Refusal> {
        self.require_link_secret(company)?;
        let has_link_page = self.mail_setup.has_link_page;
        match self.mail_setup.by_mail_server {
            true => check_mail_settings(company, has_link_page),
            false => Ok(()),
        }
    }

    /// Refuses to send mails that are no invitations by a mail server while their sender is a placeholder, or the base of
    /// the links that they show.
    ///
    /// # Errors
    /// `config.link_base_url_unset`, with the commands that set what is missing.
    pub(crate) fn require_notification_settings(
        &self,
        company: &Company,
        has_link: bool,
    ) -> Result<(), Refusal> {
        if !self.mail_setup.notifications_by_mail_server {
            return Ok(());
        }
        let needs_page = has_link && !self.mail_setup.has_link_page;
        check_mail_placeholders(&company.id, company.settings.mail_placeholders(needs_page))
    }

    /// Refuses to mail links with another secret than that of the links mailed so far: those would be dead.
    ///
    /// # Errors
    /// `link_secret.changed`, with the command that accepts the engine's secret.
    pub(crate) fn require_link_secret(&self, company: &Company) -> Result<(), Refusal> {
        match (&self.mail_setup.link_secret, &company.settings.link_secret) {
            (Some(ours), Some(known)) if ours != known => {
                let command = format!("boarding config unset link_secret --company {}", company.id);
                let more = format!(
                    "or accept the new secret, and the links that were mailed before end: {command}"
                );
                let details = json!({"commands": [command]});
                Err(Refusal::new(Code::LinkSecretChanged).saying(&more).with(details))
            }
            _ => Ok(()),
        }
    }

    /// The working link of the command's token.
    ///
    /// # Errors
    /// `link_secret.changed`; the `invitation.*` code that says why the link does not work.
    pub(crate) fn live_link<'c>(&self, company: &'c Company) -> Result<LiveLink<'c>, Refusal> {
        let Some((invitation, generation)) = self.facts.invitation() else {
            // With another secret no mailed token can be read.
            self.require_link_secret(company)?;
            return Err(Code::InvitationNotFound.into());
        };
        Ok(company.live_link(invitation, generation, self.at)?)
    }

    /// The event that records the engine's secret with the first mail that has a link.
    pub(crate) fn link_secret_recorded(&self, company: &Company) -> Option<Event> {
        let known = company.settings.link_secret.is_some();
        let ours = self.mail_setup.link_secret.as_ref().filter(|_| !known)?;
        let setting = "link_secret".to_owned();
        Some(Event::CompanyConfigChanged { setting, value: json!(ours) })
    }

    /// Refuses an actor who may not invite these people. The permission to import accounts is enough to invite
    /// accounts.
    ///
    /// # Errors
    /// `auth.permission_denied`, with the name of the permission.
    pub(crate) fn require_to_invite(
        &self,
        company: &Company,
        users: &[String],
    ) -> Result<(), Refusal> {
        let is_account = |key: &String| {
            company.user_meant(key).is_some_and(|(id, _)| company.numbers.is_account(id))
        };
        let only_accounts = !users.is_empty() && users.iter().all(is_account);
        if only_accounts && self.require(company, Permission::Accounts).is_ok() {
            return Ok(());
        }
        self.require(company, Permission::BulkIntegrateUsers)
    }
}

/// Checks that the sender of mails is no placeholder, and neither is the link unless the engine has a public page for links.
///
/// # Errors
/// `config.link_base_url_unset`, with the commands that set both.
pub fn check_mail_settings(company: &Company, has_link_page: bool) -> Result<(), Refusal> {
    check_mail_placeholders(&company.id, company.settings.mail_placeholders(!has_link_page))
}

/// Checks that no setting is a placeholder. Each unset one has an example of its value.
///
/// # Errors
/// `config.link_base_url_unset`.
pub fn check_mail_placeholders(
    company: &CompanyId,
    unset: Vec<(&str, &str)>,
) -> Result<(), Refusal> {
    let command =
        |(setting, example)| format!("boarding config set {setting} {example} --company {company}");
    let commands: Vec<String> = unset.into_iter().map(command).collect();
    if commands.is_empty() {
        return Ok(());
    }
    let details = json!({"commands": commands});
    Err(Refusal::new(Code::ConfigLinkBaseUrlUnset).saying(&commands.join("; ")).with(details))
}

/// The `result` of a command that takes values of a person.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct TakenValues {
    /// What is worth saying though the values were taken. Absent if there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<Problem>,
}

/// The maximum length of a name, title or other single-line text, in characters.
pub const MAX_TEXT_CHARS: usize = 255;

/// Checks a single-line text of a command: not empty, at most [`MAX_TEXT_CHARS`], no control characters.
///
/// # Errors
/// `field.required`, `field.length` or `field.control_character`, with the name of the field.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::numbers::pool::testing::setting;
    use crate::decide::testing::{NOW, given};

    const OURS: &str = "0123456789abcdef";

    /// The check and the record of the engine's secret, for a company with this recorded secret.
    fn secrets(ours: Option<&str>, known: Option<&str>) -> (Result<(), Refusal>, Option<Event>) {
        let company = given(known.map(|known| setting("link_secret", json!(known)))).0;
        let link_secret = ours.map(str::to_owned);
        let context = Context {
            id: CommandId(ulid::Ulid(1)),
            actor: "jane",
            authenticated: None,
            authority: Authority::All,
            at: NOW,
            facts: &Facts::None,
            mail_setup: &MailSetup { link_secret, ..MailSetup::default() },
        };
        (context.require_link_secret(&company), context.link_secret_recorded(&company))
    }

    #[test]
    fn first_secret_for_links_is_recorded() {
        let (checked, recorded) = secrets(Some(OURS), None);
        assert_eq!((checked, recorded), (Ok(()), Some(setting("link_secret", json!(OURS)))));
        assert_eq!(secrets(Some(OURS), Some(OURS)), (Ok(()), None));
        assert_eq!(secrets(None, Some(OURS)), (Ok(()), None));
    }

    #[test]
    fn other_secret_for_links_is_refused_with_a_command() {
        let (checked, recorded) = secrets(Some(OURS), Some("fedcba9876543210"));
        let refusal = checked.unwrap_err();
        assert_eq!((refusal.code, recorded), (Code::LinkSecretChanged, None));
        assert!(refusal.message.contains("boarding config unset link_secret --company acme"));
    }
}
