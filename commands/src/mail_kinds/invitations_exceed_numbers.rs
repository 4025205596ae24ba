//! `invitations_exceed_numbers`: pending invitations need more numbers than there are, to the designated administrators.

use super::requests::{next_of_alarm, of_alarm};
use super::{MailRules, TickRoom, topics};
use crate::company::Company;
use crate::company::numbers::Alarm;
use crate::event::{Event, MailKind};
use crate::template::{MailFacts, TopicVariables};
use crate::values::Time;

#[derive(Debug)]
pub(super) struct InvitationsExceedNumbers;

impl MailRules for InvitationsExceedNumbers {
    fn facts(&self) -> &'static MailFacts {
        const FACTS: MailFacts =
            MailFacts { required: &["needed", "available"], ..MailFacts::PLAIN };
        &FACTS
    }

    fn sample(&self) -> TopicVariables {
        topics::numbers::sample()
    }

    fn due(&self, company: &Company, turn: TickRoom) -> Vec<Event> {
        match enabled(company) {
            Some(alarm) => of_alarm(company, MailKind::InvitationsExceedNumbers, alarm, turn),
            None => Vec::new(),
        }
    }

    fn next(&self, company: &Company) -> Option<Time> {
        next_of_alarm(company, enabled(company)?)
    }
}

fn enabled(company: &Company) -> Option<&Alarm> {
    company.settings.notify.invitations_exceed_numbers.then(|| &company.numbers.alarms().demand)
}
