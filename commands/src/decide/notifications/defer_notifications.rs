//! `DeferNotifications`: the transport cannot send now, so waiting mails are tried again later.

use crate::company::{Company, Notification};
use crate::decide::notifications::report_notification::refused;
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::mail_kinds::waits;
use crate::values::{Code, Refusal, Time};

/// Defers mails that wait for an attempt, each once in an outage, and fails those whose time is over. An outage does
/// not fill the log, and the log says since when each mail waits for the transport.
#[derive(Debug, Clone)]
pub struct DeferNotifications {
    pub most: usize,
    /// Whether text messages wait too. They go on if another transport sends them.
    pub with_texts: bool,
    /// The transport, by name.
    pub via: &'static str,
    /// Since when this process sends mails.
    pub working_since: Time,
    /// The last words of the server, or the cause.
    pub last_words: String,
}

impl Decide for DeferNotifications {
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        let why = || (Code::DeliveryServerUnavailable, Some(self.last_words.clone()));
        let channel = (self.via, self.working_since);
        let refused = |key, mail| refused(company, key, mail, channel, why(), context.at);
        let waiting = company
            .notifications
            .iter()
            .filter(|(_, mail)| !mail.dispatched && !waits(company, mail));
        let is_meant = |mail: &Notification| self.with_texts || !mail.is_text();
        let waiting = waiting.filter(|(_, mail)| is_meant(mail));
        let first = waiting.map(|(key, mail)| refused(key, mail));
        let due = company.deferred_notifications.of(self.via);
        let due = due.take_while(|(retry_at, ..)| *retry_at <= context.at);
        let due = due.filter(|(.., mail)| is_meant(mail));
        let later =
            due.map(|(_, key, mail)| (mail.waits_for_transport(), refused(key, mail))).filter(
                |(is_known, event)| !is_known || matches!(event, Event::NotificationFailed { .. }),
            );
        let later = later.map(|(_, event)| event);
        Ok(Decision::append_if_any(later.chain(first).take(self.most).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Authority;
    use crate::decide::testing::{NOW, given, user_created, who};
    use crate::values::ImportId;

    /// A mail server that is down costs one event for each mail, until the longest wait is over.
    #[test]
    fn waiting_mails_are_deferred_once_until_the_longest_wait() {
        let import = ImportId(ulid::Ulid(4));
        let asked = |row| Event::WelcomeEmailRequested { user: who("ann"), import, row };
        let company = given([user_created("ann"), asked(1), asked(2)]);
        let defer = || DeferNotifications {
            most: 9,
            with_texts: true,
            via: "smtp",
            working_since: NOW,
            last_words: "refused".to_owned(),
        };
        assert_eq!(company.when(defer()).names(), ["NotificationDeferred"; 2]);
        let company = company.after(defer());
        let at = |minutes: u64| {
            let at = NOW.plus_seconds(minutes * 60);
            company.when_asked_by("engine", Authority::All, at, defer())
        };
        assert!(!at(1_439).0.unwrap().is_append());
        assert_eq!(at(1_440).names(), ["NotificationFailed"; 2]);
    }
}
