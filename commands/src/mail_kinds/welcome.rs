//! `welcome`: how to log in, to a new user. `WelcomeEmailRequested` of the user's row requests it.

use super::MailKind;
use crate::template::MailFacts;

#[derive(Debug)]
pub(super) struct Welcome;

impl MailKind for Welcome {
    fn facts(&self) -> &'static MailFacts {
        const FACTS: MailFacts = MailFacts { names_person: true, ..MailFacts::PLAIN };
        &FACTS
    }
}
