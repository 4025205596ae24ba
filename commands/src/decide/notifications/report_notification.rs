//! `ReportNotification`: records the outcomes of claimed notifications.

use crate::company::{Company, Notification};
use crate::decide::outcome::MailOutcome;
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Code, Refusal, Time};

#[derive(Debug, Clone)]
pub struct ReportNotification {
    /// The transport, by name. A mail that is refused for now is tried again by it.
    pub via: &'static str,
    /// Since when this process sends mails.
    pub working_since: Time,
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
                let channel = (self.via, self.working_since);
                refused(company, key, mail, channel, (*code, detail.clone()), context.at)
            }
        });
        Ok(Decision::append_if_any(events.collect()))
    }
}

/// The event of a mail that was refused for now: it is tried again, or its time is over. A refused mail has
/// `delivery_retry_minutes`. For a transport that cannot be used, it waits `relay_wait_minutes`, as a run does.
/// `working_since` is when this process began to send mails. A wait that had ended before begins anew, because no
/// process has tried in the meantime.
pub(super) fn refused(
    company: &Company,
    key: &str,
    mail: &Notification,
    (via, working_since): (&str, Time),
    (code, detail): (Code, Option<String>),
    at: Time,
) -> Event {
    let settings = &company.settings;
    let refusals = mail.refused.as_deref().copied().unwrap_or_default().and(code, at);
    let minutes = |since: Time, minutes: u64| since.plus_seconds(minutes.saturating_mul(60));
    let (end, pause) = match refusals.waits_since {
        Some(since) => {
            let end = minutes(since, settings.relay_wait_minutes);
            let again = minutes(working_since, settings.relay_wait_minutes);
            let waited = at.seconds_since(since);
            let pause =
                waited.clamp(settings.backoff_seconds(1), settings.backoff_seconds(u32::MAX));
            (if end > working_since { end } else { again }, pause)
        }
        None => {
            let since = refusals.since.unwrap_or(at);
            let end = minutes(since, settings.delivery_retry_minutes);
            let is_last = refusals.count >= settings.max_attempts;
            (if is_last { at } else { end }, settings.backoff_seconds(refusals.count))
        }
    };
    let key = key.to_owned();
    if at >= end {
        return Event::NotificationFailed { key, code, detail };
    }
    let retry_at = at.plus_seconds(pause).min(end);
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
        ReportNotification { via: "smtp", working_since: NOW, reports: vec![(key(), outcome)] }
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

    /// A mail that is refused for now is tried again by the same transport, until its time is over.
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
        assert!(!ask(&company, at, other.into()).0.unwrap().is_append(), "another transport");
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

    /// The events of a mail at these minutes: refused by the server, or not tried because there is none.
    fn after_refusals(mut company: Given, refusals: &[(u64, Code)]) -> Given {
        for (minute, code) in refusals {
            let at = NOW.plus_seconds(60 * minute);
            let ask = |company: &Given, command: Command| {
                company.when_asked_by("engine", Authority::All, at, command).events()
            };
            let claimed = ask(&company, CLAIM.into());
            company.append(at, "engine", &claimed);
            let outcome = MailOutcome::Retry { code: *code, detail: None };
            let reported = ask(&company, report(outcome).into());
            company.append(at, "engine", &reported);
        }
        company
    }

    /// A31: a mail server that is away uses up no mail's time, and no mail's attempts.
    #[test]
    fn server_that_is_away_uses_up_no_mails_time() {
        let (refused, away) = (Code::DeliveryTemporaryFailure, Code::DeliveryServerUnavailable);
        let history = [(0, refused), (60, away), (700, away), (1_200, refused), (1_379, refused)];
        let company = after_refusals(requested(), &history);
        assert!(company.0.deferred_notifications.has(&key()), "239 of 240 minutes are used up");
        let company = after_refusals(company, &[(1_380, refused)]);
        assert!(company.0.failed_notifications.contains_key(&key()));
    }

    /// A31: a mail that waits keeps the time it has used up when it is sent again by hand.
    #[test]
    fn resending_a_waiting_mail_gives_it_no_new_time() {
        let refused = Code::DeliveryTemporaryFailure;
        let company = after_refusals(requested(), &[(0, refused), (60, refused)]);
        let again = ResendNotifications { keys: vec![key()], ..ResendNotifications::default() };
        let company = after_refusals(company.after(again), &[(61, refused), (240, refused)]);
        assert!(company.0.failed_notifications.contains_key(&key()));
    }
}
