//! `run_completed`: a run has completed, to the actor who requested it.

use super::requests::to_starter;
use super::{MailRules, topics};
use crate::company::Company;
use crate::event::{Event, MailKind};
use crate::template::{MailFacts, TopicVariables};
use crate::values::Time;

#[derive(Debug)]
pub(super) struct RunCompleted;

impl MailRules for RunCompleted {
    fn facts(&self) -> &'static MailFacts {
        const FACTS: MailFacts = MailFacts {
            required: &["passed", "skipped", "failed"],
            names_channel: true,
            ..MailFacts::PLAIN
        };
        &FACTS
    }

    fn sample(&self) -> TopicVariables {
        topics::run::sample()
    }

    fn after(&self, company: &Company, event: &Event, _at: Time) -> Vec<Event> {
        match event {
            Event::RunCompleted { run, .. } if company.settings.notify.run_completed => {
                to_starter(company, MailKind::RunCompleted, *run).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}
