//! `run_started`: a waiting run has started, to the actor who requested it.

use super::requests::to_starter;
use super::{MailRules, topics};
use crate::company::Company;
use crate::event::{Event, MailKind};
use crate::template::{MailFacts, TopicVariables};
use crate::values::Time;

#[derive(Debug)]
pub(super) struct RunStarted;

impl MailRules for RunStarted {
    fn facts(&self) -> &'static MailFacts {
        const FACTS: MailFacts =
            MailFacts { required: &["total"], names_channel: true, ..MailFacts::PLAIN };
        &FACTS
    }

    fn sample(&self) -> TopicVariables {
        topics::run::sample()
    }

    /// A run that starts in the commit of its request has not waited: the company does not know it yet.
    fn after(&self, company: &Company, event: &Event, _at: Time) -> Vec<Event> {
        match event {
            Event::RunStarted { run } if company.settings.notify.run_started => {
                to_starter(company, MailKind::RunStarted, *run).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}
