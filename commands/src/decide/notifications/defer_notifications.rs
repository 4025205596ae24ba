//! `DeferNotifications`: the channel cannot send now, so waiting mails are tried again later.

use crate::company::Company;
use crate::decide::notifications::report_notification::refused;
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Code, Refusal};

/// Defers mails that wait for their first attempt, and fails those whose time is over. Mails that wait for a later
/// attempt stay as they are, so that an outage does not fill the log.
#[derive(Debug, Clone)]
pub struct DeferNotifications {
    pub most: usize,
    /// The channel, by name.
    pub via: &'static str,
    /// The last words of the server, or the cause.
    pub last_words: String,
}

impl Decide for DeferNotifications {
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        let why = || (Code::DeliveryServerUnavailable, Some(self.last_words.clone()));
        let waiting = company.notifications.iter().filter(|(_, mail)| !mail.dispatched);
        let first =
            waiting.map(|(key, mail)| refused(company, key, mail, self.via, why(), context.at));
        let deferred = company.deferred_notifications.of(self.via);
        let due = deferred.take_while(|(retry_at, ..)| *retry_at <= context.at);
        let over = due
            .map(|(_, key, mail)| refused(company, key, mail, self.via, why(), context.at))
            .filter(|event| matches!(event, Event::NotificationFailed { .. }));
        Ok(Decision::append_if_any(over.chain(first).take(self.most).collect()))
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
        let defer =
            || DeferNotifications { most: 9, via: "smtp", last_words: "refused".to_owned() };
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
