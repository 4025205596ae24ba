//! `ResendNotifications`: sends mails again that failed, may have failed, or wait for a later attempt.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::company::Company;
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Code, Refusal};

/// The most mails of one command: its commit must stay small. The result says how many are left.
const MAILS_MAX: usize = 500;

/// Sends mails other than invitations again: those named, or all in a state.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResendNotifications {
    /// Keys of the query `notifications`, at most 500.
    #[serde(default)]
    pub keys: Vec<String>,
    /// All mails in this state.
    pub state: Option<ResendState>,
    /// Of the waiting mails only those of this transport, for example `smtp`.
    pub channel: Option<String>,
    /// With a state: only mails behind this key, as `next` of the answer before said.
    pub after: Option<String>,
}

/// The states in which a mail can be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResendState {
    /// It failed, or it is uncertain whether it was sent.
    Failed,
    /// It waits for a later attempt, which is made now.
    Waiting,
}

#[derive(Serialize, JsonSchema)]
struct Resent {
    /// The mails that are sent again.
    queued: usize,
    /// The mails in the state for which there was no room in this command.
    left: usize,
    /// The last key of this answer, if more mails are left: give it as `after`.
    next: Option<String>,
}

impl Decide for ResendNotifications {
    const NEEDS: Option<Permission> = Some(Permission::Administer);

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Resent::json_schema(generator)
    }

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let (deferred, failed) = (&company.deferred_notifications, &company.failed_notifications);
        let unknown = self.keys.iter().find(|key| !deferred.has(key) && !failed.contains_key(*key));
        if let Some(key) = unknown {
            return Err(Refusal::new(Code::NotificationNotResendable).with(json!({"key": key})));
        }
        if self.keys.len() > MAILS_MAX || self.keys.is_empty() == self.state.is_none() {
            let problem = "give keys (at most 500) or a state";
            return Err(Refusal::new(Code::EnvelopeMalformed).with(json!({"problem": problem})));
        }
        let mut keys: Vec<&String> = match self.state {
            None => self.keys.iter().collect(),
            Some(ResendState::Failed) => failed.keys().collect(),
            Some(ResendState::Waiting) => deferred.keys(self.channel.as_deref()).collect(),
        };
        keys.sort_unstable();
        keys.dedup();
        // A mail that fails again is in the state again. The next command must not send it once more.
        keys.retain(|key| self.after.as_ref().is_none_or(|after| *key > after));
        let queued = keys.len().min(MAILS_MAX);
        let left = keys.len() - queued;
        let last = queued.checked_sub(1).and_then(|last| keys.get(last));
        let next = last.filter(|_| left > 0).map(|key| (*key).clone());
        let again = |key: &String| Event::NotificationRequeued { key: key.clone() };
        let events = keys.into_iter().take(queued).map(again).collect();
        Ok(Decision::append(events).with_result(json!(Resent { queued, left, next })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{given, who};
    use crate::event::welcome_key;
    use crate::values::ImportId;

    /// A mail that has failed again by the time of the second command is not sent by it once more.
    #[test]
    fn next_names_where_the_following_command_begins() {
        let import = ImportId(ulid::Ulid(4));
        let failed = |row| {
            let requested = Event::WelcomeEmailRequested { user: who("ann"), import, row };
            let (key, code) = (welcome_key(import, row), Code::DeliveryRefused);
            [requested, Event::NotificationFailed { key, code, detail: None }]
        };
        let company = given((1..=MAILS_MAX as u64 + 1).flat_map(failed));
        let resend = |after| ResendNotifications {
            state: Some(ResendState::Failed),
            after,
            ..ResendNotifications::default()
        };
        let first = company.when(resend(None));
        let (events, result) = (first.events(), first.result());
        assert_eq!((&result["queued"], &result["left"]), (&json!(MAILS_MAX), &json!(1)));
        let next = result["next"].as_str().map(str::to_owned);
        let second = company.when(resend(next)).events();
        let all: std::collections::BTreeSet<String> =
            events.iter().chain(&second).map(|event| format!("{event:?}")).collect();
        assert_eq!((events.len(), second.len(), all.len()), (MAILS_MAX, 1, MAILS_MAX + 1));
    }

    #[test]
    fn mails_of_one_command_are_limited() {
        let failed = |n: usize| Event::NotificationFailed {
            key: welcome_key(ImportId(ulid::Ulid(4)), n as u64),
            code: Code::DeliveryRefused,
            detail: None,
        };
        let asked = |n: usize| Event::WelcomeEmailRequested {
            user: who("ann"),
            import: ImportId(ulid::Ulid(4)),
            row: n as u64,
        };
        let company = |count: usize| {
            given((0..count).map(asked).chain((0..count).map(failed)).collect::<Vec<_>>())
        };
        let all = |after| ResendNotifications {
            state: Some(ResendState::Failed),
            after,
            ..ResendNotifications::default()
        };
        let exact = company(MAILS_MAX).when(all(None));
        assert_eq!(exact.events().len(), MAILS_MAX);
        assert_eq!((&exact.result()["left"], &exact.result()["next"]), (&json!(0), &json!(null)));
        let more = company(MAILS_MAX + 3);
        let first = more.when(all(None)).result();
        assert_eq!((&first["queued"], &first["left"]), (&json!(MAILS_MAX), &json!(3)));
        let after = first["next"].as_str().unwrap().to_owned();
        let rest = more.when(all(Some(after))).result();
        assert_eq!((&rest["queued"], &rest["left"]), (&json!(3), &json!(0)));
        let keys = |count: usize| {
            let keys = (0..count).map(|n| welcome_key(ImportId(ulid::Ulid(4)), n as u64)).collect();
            more.when(ResendNotifications { keys, ..ResendNotifications::default() })
        };
        assert_eq!(keys(MAILS_MAX).events().len(), MAILS_MAX);
        keys(MAILS_MAX + 1).then_refused(Code::EnvelopeMalformed);
    }
}
