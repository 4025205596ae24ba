//! Requests of mails to administrators and to the actor who requested a run.

use super::kind::{AT_ONCE, TickRoom};
use super::topics::numbers;
use crate::company::Company;
use crate::company::numbers::Alarm;
use crate::event::{Event, MailKind, MailTo, Topic};
use crate::values::{Personal, RunId, Time};

/// The most owners of each alarm in one tick: two alarms to twenty administrators are four hundred events.
const MAX_OWNERS: usize = 10;

/// One mail to each of the designated administrators. Their keys end with their numbers.
pub(super) fn to_admins(company: &Company, kind: MailKind, key: &str, about: &Topic) -> Vec<Event> {
    let admins = company.settings.designated_admin_emails.iter().zip(1..);
    let requests = admins.map(|(email, n)| Event::NotificationRequested {
        kind,
        key: format!("{key}.{n}"),
        to: MailTo::Address(Personal(email.clone())),
        about: about.clone(),
    });
    requests.collect()
}

pub(super) fn has_admins(company: &Company) -> bool {
    !company.settings.designated_admin_emails.is_empty()
}

/// A mail to the actor who requested the run. `None` if the run is not known yet, or if its actor is not an email address.
pub(super) fn to_starter(company: &Company, kind: MailKind, id: RunId) -> Option<Event> {
    let email = company.runs.get(&id)?.starter.as_deref()?.to_owned();
    let (key, about) = (format!("{}.{id}", kind.as_str()), Topic::Run(id));
    Some(Event::NotificationRequested { kind, key, to: MailTo::Address(Personal(email)), about })
}

/// The mails about owners with few free numbers, to the designated administrators.
pub(super) fn of_alarm(
    company: &Company,
    kind: MailKind,
    alarm: &Alarm,
    turn: TickRoom,
) -> Vec<Event> {
    let mut events = Vec::new();
    for owner in alarm.due().take(MAX_OWNERS) {
        let turn = TickRoom { before: turn.before + events.len(), ..turn };
        let key = format!("{}.{}", kind.as_str(), turn.next_version(company));
        events.extend(to_admins(company, kind, &key, &numbers::topic(company, owner)));
    }
    events
}

/// When the next request of an alarm is due.
pub(super) fn next_of_alarm(company: &Company, alarm: &Alarm) -> Option<Time> {
    (alarm.is_due() && has_admins(company)).then_some(AT_ONCE)
}
