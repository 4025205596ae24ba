//! `reminder`: an invitation is still open, to the person invited, with the same link. A device gets a text.

use super::{MailRules, TickRoom, topics};
use crate::company::{Addressee, Company, InvitationState};
use crate::event::{Event, MailKind, MailTo, Topic};
use crate::template::{Link, MailFacts, TopicVariables};
use crate::values::{Code, Personal, Time};

#[derive(Debug)]
pub(super) struct Reminder;

impl MailRules for Reminder {
    fn facts(&self) -> &'static MailFacts {
        const FACTS: MailFacts = MailFacts {
            link: Link::AccountOrActivation,
            names_person: true,
            shows_phone: true,
            ..MailFacts::PLAIN
        };
        &FACTS
    }

    fn sample(&self) -> TopicVariables {
        topics::invitation::sample()
    }

    fn due(&self, company: &Company, turn: TickRoom) -> Vec<Event> {
        let due = company.reminders.due(&company.settings, turn.now);
        let reminder = due.filter_map(|id| {
            let (user_id, channel) = company.invitations.get(&id)?;
            let user = company.users.get(*user_id)?;
            let invitation = user.link(*channel).invitation?;
            if !company.is_live(*user_id, *channel, &invitation, turn.now) {
                return None;
            }
            let (channel, generation) = (*channel, invitation.generation);
            let reminder = u32::from(invitation.reminders) + 1;
            let is_device = company.device(*user_id, user).is_some();
            Some(Event::NotificationRequested {
                kind: if is_device { MailKind::TextReminder } else { MailKind::Reminder },
                key: format!("reminder.{id}.{generation}.{reminder}"),
                to: MailTo::User(Personal(user.key())),
                about: Topic::Invitation { channel, invitation: id, generation, reminder },
            })
        });
        reminder.take(turn.room).collect()
    }

    fn next(&self, company: &Company) -> Option<Time> {
        company.reminders.next(&company.settings)
    }

    /// The person has used the link since, or the link does not work any more.
    fn obsolete(
        &self,
        company: &Company,
        to: &Addressee,
        about: &Topic,
        now: Time,
    ) -> Option<Code> {
        let Topic::Invitation { channel, generation, .. } = about else { return None };
        let Addressee::User(id) = to else { return None };
        let link = company.users.get(*id)?.link(*channel);
        if link.linked {
            return Some(Code::RecipientAlreadyLinked);
        }
        match link.invitation {
            Some(newest) if newest.generation == *generation => {
                let dead = company.why_link_is_dead(*id, *channel, &newest, now);
                dead.or_else(|| why_not_delivered(newest.state))
            }
            _ => Some(Code::InvitationSuperseded),
        }
    }
}

/// Why a person whose mail did not arrive is not reminded of it.
fn why_not_delivered(state: InvitationState) -> Option<Code> {
    match state {
        InvitationState::Deferred => Some(Code::DeliveryTemporaryFailure),
        InvitationState::Bounced => Some(Code::DeliverySuppressed),
        InvitationState::Created
        | InvitationState::Sent
        | InvitationState::Delivered
        | InvitationState::Linked
        | InvitationState::Expired
        | InvitationState::Revoked
        | InvitationState::Ended(_) => None,
    }
}
