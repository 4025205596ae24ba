//! `number_threshold`: an organization's numbers are running out, to the designated administrators.

use super::requests::{next_of_alarm, of_alarm};
use super::{MailRules, TickRoom, topics};
use crate::company::Company;
use crate::company::numbers::Alarm;
use crate::event::{Event, MailKind};
use crate::template::{MailFacts, TopicVariables};
use crate::values::Time;

#[derive(Debug)]
pub(super) struct NumberThreshold;

impl MailRules for NumberThreshold {
    fn facts(&self) -> &'static MailFacts {
        const FACTS: MailFacts = MailFacts { required: &["percent"], ..MailFacts::PLAIN };
        &FACTS
    }

    fn sample(&self) -> TopicVariables {
        topics::numbers::sample()
    }

    fn due(&self, company: &Company, turn: TickRoom) -> Vec<Event> {
        match enabled(company) {
            Some(alarm) => of_alarm(company, MailKind::NumberThreshold, alarm, turn),
            None => Vec::new(),
        }
    }

    fn next(&self, company: &Company) -> Option<Time> {
        next_of_alarm(company, enabled(company)?)
    }
}

fn enabled(company: &Company) -> Option<&Alarm> {
    company.settings.notify.number_threshold.then(|| &company.numbers.alarms().threshold)
}
