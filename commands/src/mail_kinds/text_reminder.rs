//! `text_reminder`: an invitation is still open, to the device that was invited, with the same link.

use super::reminder::Reminder;
use super::{MailRules, topics};
use crate::company::{Addressee, Company};
use crate::event::Topic;
use crate::template::{Link, MailFacts, TopicVariables};
use crate::values::{Code, Time};

/// [`Reminder`] requests it for devices.
#[derive(Debug)]
pub(super) struct TextReminder;

impl MailRules for TextReminder {
    fn facts(&self) -> &'static MailFacts {
        const FACTS: MailFacts = MailFacts {
            is_text_message: true,
            link: Link::Activation,
            names_person: true,
            shows_phone: true,
            shows_app: true,
            ..MailFacts::PLAIN
        };
        &FACTS
    }

    fn sample(&self) -> TopicVariables {
        topics::invitation::sample()
    }

    fn obsolete(
        &self,
        company: &Company,
        to: &Addressee,
        about: &Topic,
        now: Time,
    ) -> Option<Code> {
        Reminder.obsolete(company, to, about, now)
    }
}
