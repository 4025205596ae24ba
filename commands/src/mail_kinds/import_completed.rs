//! `import_completed`: an import is over, to the network administrator, with a link that invites its users.

use super::{MailRules, topics};
use crate::company::Company;
use crate::event::{Event, Topic};
use crate::template::{Link, MailFacts, TopicVariables};
use crate::values::{Personal, Time};

#[derive(Debug)]
pub(super) struct ImportCompleted;

impl MailRules for ImportCompleted {
    fn facts(&self) -> &'static MailFacts {
        const FACTS: MailFacts = MailFacts { link: Link::Invite, ..MailFacts::PLAIN };
        &FACTS
    }

    fn sample(&self) -> TopicVariables {
        topics::import::sample()
    }

    fn waits(&self, company: &Company, about: &Topic) -> bool {
        topics::import::waits(company, about)
    }

    /// Another event requests this mail, because its link expires.
    fn after(&self, company: &Company, event: &Event, at: Time) -> Vec<Event> {
        let Event::ImportCompleted { import, .. } = event else { return Vec::new() };
        let settings = &company.settings;
        let expires_at = at.plus_seconds(3600 * settings.import_link_ttl_hours);
        let request = settings.network_admin_email.clone().map(|email| {
            let (import, email) = (*import, Personal(email));
            Event::ImportNotificationRequested { import, email, expires_at, generation: None }
        });
        request.into_iter().collect()
    }
}
