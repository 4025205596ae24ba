//! `batch_report`: the counts of a completed import, to the designated administrators.

use super::requests::to_admins;
use super::{MailRules, topics};
use crate::company::Company;
use crate::event::{Event, MailKind, Topic};
use crate::template::{MailFacts, TopicVariables};
use crate::values::Time;

#[derive(Debug)]
pub(super) struct BatchReport;

impl MailRules for BatchReport {
    fn facts(&self) -> &'static MailFacts {
        const FACTS: MailFacts = MailFacts { required: &["success", "failed"], ..MailFacts::PLAIN };
        &FACTS
    }

    fn sample(&self) -> TopicVariables {
        topics::import::sample()
    }

    fn waits(&self, company: &Company, about: &Topic) -> bool {
        topics::import::waits(company, about)
    }

    fn after(&self, company: &Company, event: &Event, _at: Time) -> Vec<Event> {
        match event {
            Event::ImportCompleted { import, .. } if company.settings.notify.batch_report => {
                let key = format!("batch_report.{import}");
                to_admins(company, MailKind::BatchReport, &key, &Topic::Import(*import))
            }
            _ => Vec::new(),
        }
    }
}
