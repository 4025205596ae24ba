//! Requests notices: mails besides invitations and welcome mails, each requested once.

#[cfg(test)]
mod alarms_spec;
#[cfg(test)]
mod reminders_spec;
#[cfg(test)]
mod spec;

use crate::company::notification::{Expired, Notice};
use crate::company::numbers::{Alarm, NumberOwner};
use crate::company::{Addressee, Company, Invitation, InvitationState, Run};
use crate::event::{Event, MailTo, TemplateKind, Topic};
use crate::values::{Code, ImportId, Personal, RunId, Time};

/// The report of a completed import to each designated administrator.
pub(crate) fn batch_report(company: &Company, import: ImportId) -> Vec<Event> {
    if !company.settings.notify.batch_report {
        return Vec::new();
    }
    let key = format!("batch_report.{import}");
    to_admins(company, TemplateKind::BatchReport, &key, &Topic::Import(import))
}

/// The notice that a waiting run has started, to the actor who requested it.
pub(crate) fn run_started(company: &Company, id: RunId) -> Option<Event> {
    let run = company.runs.get(&id).filter(|_| company.settings.notify.run_started)?;
    to_starter(TemplateKind::RunStarted, id, run)
}

/// The notice that a run has completed, to the actor who requested it.
pub(crate) fn run_completed(company: &Company, id: RunId, run: &Run) -> Option<Event> {
    let run = Some(run).filter(|_| company.settings.notify.run_completed)?;
    to_starter(TemplateKind::RunCompleted, id, run)
}

fn to_starter(kind: TemplateKind, id: RunId, run: &Run) -> Option<Event> {
    let email = run.starter.as_deref()?.to_owned();
    let (key, about) = (format!("{}.{id}", kind.as_str()), Topic::Run(id));
    Some(Event::NotificationRequested { kind, key, to: MailTo::Address(Personal(email)), about })
}

/// One mail to each of the designated administrators.
fn to_admins(company: &Company, kind: TemplateKind, key: &str, about: &Topic) -> Vec<Event> {
    let admins = company.settings.designated_admin_emails.iter().zip(1..);
    let notices = admins.map(|(email, n)| Event::NotificationRequested {
        kind,
        key: format!("{key}.{n}"),
        to: MailTo::Address(Personal(email.clone())),
        about: about.clone(),
    });
    notices.collect()
}

/// The enabled alarms with their kinds.
fn alarms(company: &Company) -> impl Iterator<Item = (TemplateKind, &Alarm)> {
    let (notify, alarms) = (&company.settings.notify, company.numbers.alarms());
    let all = [
        (notify.number_threshold, TemplateKind::NumberThreshold, &alarms.threshold),
        (notify.invitations_exceed_numbers, TemplateKind::InvitationsExceedNumbers, &alarms.demand),
    ];
    let has_admins = has_admins(company);
    all.into_iter().filter(move |(on, ..)| *on && has_admins).map(|(_, kind, alarm)| (kind, alarm))
}

fn has_admins(company: &Company) -> bool {
    !company.settings.designated_admin_emails.is_empty()
}

/// The notices about owners with few free numbers, for the designated administrators.
///
/// `most` is the most owners. `before` is the number of earlier events of the commit.
pub(crate) fn numbers_running_short(company: &Company, most: usize, before: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for (kind, alarm) in alarms(company) {
        for owner in alarm.due().take(most) {
            // The version that the first notice will have makes the key unique.
            let version = company.version + (before + events.len()) as u64 + 1;
            let key = format!("{}.{version}", kind.as_str());
            events.extend(to_admins(company, kind, &key, &numbers(company, owner)));
        }
    }
    events
}

fn numbers(company: &Company, owner: &NumberOwner) -> Topic {
    let stock = company.numbers.stock(owner);
    Topic::Numbers {
        org_unit: owner.as_deref().map(str::to_owned),
        total: stock.total,
        used: stock.used,
        available: stock.free(),
        needed: stock.waiting,
    }
}

/// When the digest of the collected expired invitations is due, if there are administrators.
fn digest_at(company: &Company) -> Option<(Time, &Expired)> {
    let expired = company.expired.as_ref().filter(|_| has_admins(company))?;
    let hours = company.settings.expired_digest_hours;
    Some((expired.since.plus_seconds(3600 * hours), expired))
}

/// The digest of expired invitations for the designated administrators, if it is due.
///
/// `before` is the number of earlier events of the commit.
pub(crate) fn expired_digest(company: &Company, now: Time, before: usize) -> Vec<Event> {
    let Some((_, expired)) = digest_at(company).filter(|(at, _)| *at <= now) else {
        return Vec::new();
    };
    let people = expired.people.iter().filter_map(|id| company.users.get(*id));
    let about = Topic::Expired {
        since: expired.since,
        until: now,
        whatsapp: expired.whatsapp,
        imessage: expired.imessage,
        people: people.map(|user| Personal(user.key())).collect(),
    };
    let key = format!("expired_digest.{}", company.version + before as u64 + 1);
    to_admins(company, TemplateKind::ExpiredDigest, &key, &about)
}

/// The due reminders of live invitations, at most `most`.
pub(crate) fn reminders(company: &Company, now: Time, most: usize) -> Vec<Event> {
    let due = company.reminders.due(&company.settings, now);
    let reminder = due.filter_map(|id| {
        let (user, channel) = company.invitations.get(&id)?;
        let user = company.users.get(*user)?;
        let invitation = user.link(*channel).invitation.filter(|one| one.is_live(now))?;
        let (channel, generation) = (*channel, invitation.generation);
        let reminder = u32::from(invitation.reminders) + 1;
        Some(Event::NotificationRequested {
            kind: TemplateKind::Reminder,
            key: format!("reminder.{id}.{generation}.{reminder}"),
            to: MailTo::User(Personal(user.key())),
            about: Topic::Invitation { channel, invitation: id, generation, reminder },
        })
    });
    reminder.take(most).collect()
}

/// The time of work that is due at once: the next tick does it.
pub const AT_ONCE: Time = Time(0);

/// The time of the next notice.
pub(crate) fn next_notice(company: &Company) -> Option<Time> {
    let alarm = alarms(company).any(|(_, alarm)| alarm.is_due()).then_some(AT_ONCE);
    let digest = digest_at(company).map(|(at, _)| at);
    let reminder = company.reminders.next(&company.settings);
    [alarm, digest, reminder].into_iter().flatten().min()
}

/// Why a requested notice is not sent: the person has used the link since, or the notice is obsolete.
pub(crate) fn obsolete(
    company: &Company,
    to: &Addressee,
    notice: &Notice,
    now: Time,
) -> Option<Code> {
    let Topic::Invitation { channel, generation, .. } = &notice.about else { return None };
    let Addressee::User(id) = to else { return None };
    let link = company.users.get(*id)?.link(*channel);
    if link.linked {
        return Some(Code::RecipientAlreadyLinked);
    }
    match link.invitation {
        Some(newest) if newest.generation == *generation => why_not_live(&newest, now),
        _ => Some(Code::InvitationSuperseded),
    }
}

fn why_not_live(invitation: &Invitation, now: Time) -> Option<Code> {
    match invitation.state {
        InvitationState::Created | InvitationState::Sent | InvitationState::Delivered => {
            (!invitation.is_live(now)).then_some(Code::InvitationExpired)
        }
        InvitationState::Deferred => Some(Code::DeliveryTemporaryFailure),
        InvitationState::Bounced => Some(Code::DeliverySuppressed),
        InvitationState::Linked => Some(Code::InvitationAlreadyUsed),
        InvitationState::Expired => Some(Code::InvitationExpired),
        InvitationState::Revoked => Some(Code::InvitationRevoked),
    }
}
