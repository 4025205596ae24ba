//! The kinds of mails. One file per kind says what the mail shows, who gets it and when it is due.
//!
//! To add a kind: a file here with its `impl MailRules`, its `mod` and an arm in [`of`], a line in `event/mail.rs`, its
//! section in each `template/notifications.<language>.txt`, and a row in the manual's page on mails. If it can be
//! turned off, it also needs a switch in `settings/notify.rs`. If it waits for a run (`waits`), it is also in [`waiting`].

mod account_invitation;
mod batch_report;
mod channel_invitation;
mod expired_digest;
mod import_completed;
mod invitations_exceed_numbers;
mod kind;
mod number_threshold;
mod reminder;
mod requests;
mod run_completed;
mod run_started;
mod text_invitation;
mod text_reminder;
pub(crate) mod topics;
mod welcome;

#[cfg(test)]
mod alarms_spec;
#[cfg(test)]
mod reminders_spec;
#[cfg(test)]
mod spec;

pub use kind::{AT_ONCE, MailRules, TickRoom};
pub use topics::{LinkTarget, TopicFacts, invitation_variables, topic_facts};

use crate::company::{Addressee, Company, Notification, NotificationContent};
use crate::event::{Event, MailKind};
use crate::values::{Code, ImportId, Time};

/// The declaration of a kind.
pub fn of(kind: MailKind) -> &'static dyn MailRules {
    match kind {
        MailKind::ChannelInvitation => &channel_invitation::ChannelInvitation,
        MailKind::Welcome => &welcome::Welcome,
        MailKind::ImportCompleted => &import_completed::ImportCompleted,
        MailKind::BatchReport => &batch_report::BatchReport,
        MailKind::RunStarted => &run_started::RunStarted,
        MailKind::RunCompleted => &run_completed::RunCompleted,
        MailKind::NumberThreshold => &number_threshold::NumberThreshold,
        MailKind::InvitationsExceedNumbers => &invitations_exceed_numbers::InvitationsExceedNumbers,
        MailKind::Reminder => &reminder::Reminder,
        MailKind::ExpiredDigest => &expired_digest::ExpiredDigest,
        MailKind::AccountInvitation => &account_invitation::AccountInvitation,
        MailKind::TextInvitation => &text_invitation::TextInvitation,
        MailKind::TextReminder => &text_reminder::TextReminder,
    }
}

fn all() -> impl Iterator<Item = &'static dyn MailRules> {
    MailKind::ALL.into_iter().map(of)
}

/// The mails that the events of a commit request, each with the index of its event.
pub(crate) fn requests<'a>(
    company: &'a Company,
    events: &'a [Event],
    at: Time,
) -> impl Iterator<Item = (usize, Event)> + 'a {
    events.iter().enumerate().flat_map(move |(index, event)| {
        all().flat_map(move |kind| kind.after(company, event, at)).map(move |mail| (index, mail))
    })
}

/// Adds to a commit the mails that its events request, each right after its event.
pub(crate) fn add_requests(company: &Company, events: &mut Vec<Event>, at: Time) {
    let requests: Vec<_> = requests(company, events, at).collect();
    // From the end, so that the other indices stay right.
    for (index, mail) in requests.into_iter().rev() {
        events.insert(index + 1, mail);
    }
}

/// The mails that time alone makes due. Mails to users come before those to administrators.
pub(crate) fn due(company: &Company, turn: TickRoom) -> Vec<Event> {
    let (users, admins): (Vec<_>, Vec<_>) = all().partition(|kind| kind.facts().names_person);
    let mut events = Vec::new();
    for kind in users.into_iter().chain(admins) {
        events.extend(kind.due(company, TickRoom { before: turn.before + events.len(), ..turn }));
    }
    events
}

/// When the next mail is due by time alone.
pub(crate) fn next(company: &Company) -> Option<Time> {
    all().filter_map(|kind| kind.next(company)).min()
}

/// Whether a requested mail waits, because what it says is not complete yet.
pub fn waits(company: &Company, mail: &Notification) -> bool {
    mail.content.as_deref().is_some_and(|content| of(content.kind).waits(company, &content.about))
}

/// The number of requested mails for which [`waits`] is true. Only mails about an import wait, while its run is
/// open. That run has the id of its import.
pub fn waiting(company: &Company) -> usize {
    let holder = company.lock.holder().map(|holder| holder.run);
    let runs = company.lock.queue().chain(holder).filter(|run| {
        let import = ImportId(run.0);
        company.imports.contains_key(&import)
    });
    let keys = runs.flat_map(|run| {
        [MailKind::ImportCompleted, MailKind::BatchReport]
            .map(|kind| format!("{}.{run}", kind.as_str()))
    });
    let mails = |key: String| {
        let of_key = company.notifications.range(key.clone()..);
        of_key
            .take_while(|(other, _)| other.starts_with(&key))
            .filter(|(_, mail)| !mail.dispatched && waits(company, mail))
            .count()
    };
    keys.map(mails).sum()
}

/// Why a requested mail is not sent any more.
pub(crate) fn obsolete(
    company: &Company,
    to: &Addressee,
    content: &NotificationContent,
    now: Time,
) -> Option<Code> {
    of(content.kind).obsolete(company, to, &content.about, now)
}
