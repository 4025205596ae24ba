//! `ReportNotification`: records the outcomes of claimed notifications.

use crate::company::{Company, Notification};
use crate::decide::outcome::MailOutcome;
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Code, Refusal, Time};

#[derive(Debug, Clone)]
pub struct ReportNotification {
    /// The channel, by name. A mail that is refused for now is tried again by it.
    pub via: &'static str,
    /// The keys and outcomes of the claims.
    pub reports: Vec<(String, MailOutcome)>,
}

impl Decide for ReportNotification {
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        let claimed = |key: &String| company.notifications.get(key).filter(|one| one.dispatched);
        let reports =
            self.reports.iter().filter_map(|(key, report)| Some((key, claimed(key)?, report)));
        let events = reports.map(|(key, mail, report)| match report {
            MailOutcome::Sent { .. } => Event::NotificationSent { key: key.clone() },
            MailOutcome::Skipped { code, detail } | MailOutcome::Failed { code, detail } => {
                Event::NotificationFailed { key: key.clone(), code: *code, detail: detail.clone() }
            }
            MailOutcome::Retry { code, detail } => {
                refused(company, key, mail, self.via, (*code, detail.clone()), context.at)
            }
        });
        Ok(Decision::append_if_any(events.collect()))
    }
}

/// The event of a mail that was refused for now: it is tried again, or its time is over. A refused mail has
/// `delivery_retry_minutes`; a server that cannot be used is waited for as long as by a run.
pub(super) fn refused(
    company: &Company,
    key: &str,
    mail: &Notification,
    via: &str,
    (code, detail): (Code, Option<String>),
    at: Time,
) -> Event {
    let settings = &company.settings;
    let minutes = match code {
        Code::DeliveryServerUnavailable => settings.relay_wait_minutes,
        _ => settings.delivery_retry_minutes,
    };
    let (since, count) = mail.refused.as_ref().map_or((at, 0), |one| (one.since, one.count));
    let end = since.plus_seconds(minutes.saturating_mul(60));
    let key = key.to_owned();
    if at >= end || count.saturating_add(1) >= settings.max_attempts {
        return Event::NotificationFailed { key, code, detail };
    }
    let retry_at = at.plus_seconds(settings.backoff_seconds(count.saturating_add(1))).min(end);
    Event::NotificationDeferred { key, via: via.to_owned(), code, detail, retry_at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::ClaimNotification;
    use crate::decide::testing::{Given, NOW, given, user_created, who};
    use crate::decide::{Authority, Command, ResendNotifications};
    use crate::event::welcome_key;
    use crate::values::ImportId;

    fn report(outcome: MailOutcome) -> ReportNotification {
        ReportNotification { via: "smtp", reports: vec![(key(), outcome)] }
    }

    fn key() -> String {
        welcome_key(ImportId(ulid::Ulid(4)), 1)
    }

    fn requested() -> Given {
        let import = ImportId(ulid::Ulid(4));
        given([
            user_created("ann"),
            Event::WelcomeEmailRequested { user: who("ann"), import, row: 1 },
        ])
    }

    const CLAIM: ClaimNotification = ClaimNotification { most: 9, via: "smtp" };

    #[test]
    fn a_claimed_mail_is_reported_once() {
        let sent = || report(MailOutcome::SENT);
        let company = requested();
        assert!(!company.when(sent()).0.unwrap().is_append(), "nothing was claimed yet");
        let company = company.after(CLAIM);
        assert_eq!(company.when(sent()).names(), ["NotificationSent"]);
        assert!(company.after(sent()).0.notifications.is_empty());
    }

    /// A mail that is refused for now is tried again by the same channel, until its time is over.
    #[test]
    fn refused_mail_is_tried_again_until_its_time_is_over() {
        let refusal = || report(MailOutcome::retry("451 later"));
        let mut company = requested().after(CLAIM).after(refusal());
        assert!(!company.when(CLAIM).0.unwrap().is_append(), "the pause is not over");
        let mut at = company.0.deferred_notifications.next("smtp").unwrap();
        let other = ClaimNotification { via: "outbox", ..CLAIM };
        let ask = |company: &Given, at, command: Command| {
            company.when_asked_by("engine", Authority::All, at, command)
        };
        assert!(!ask(&company, at, other.into()).0.unwrap().is_append(), "another channel");
        for attempt in 2.. {
            let claimed = ask(&company, at, CLAIM.into()).events();
            company.append(at, "engine", &claimed);
            let reported = ask(&company, at, refusal().into()).events();
            company.append(at, "engine", &reported);
            let Some(next) = company.0.deferred_notifications.next("smtp") else {
                assert!(attempt > 10, "{attempt}");
                break;
            };
            assert!(next > at);
            at = next;
        }
        assert_eq!(at, NOW.plus_seconds(240 * 60));
        assert!(company.0.failed_notifications.contains_key(&key()));
        let again = ResendNotifications { keys: vec![key()], ..ResendNotifications::default() };
        let company = company.after(again);
        assert_eq!(company.when(CLAIM).names(), ["NotificationDispatched"]);
    }
}
