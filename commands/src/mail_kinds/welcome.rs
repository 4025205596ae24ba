//! `welcome`: how to log in, to a new user. `WelcomeEmailRequested` of the user's row requests it.

use super::MailRules;
use crate::template::MailFacts;

#[derive(Debug)]
pub(super) struct Welcome;

impl MailRules for Welcome {
    fn facts(&self) -> &'static MailFacts {
        const FACTS: MailFacts = MailFacts { names_person: true, ..MailFacts::PLAIN };
        &FACTS
    }
}
