//! `account_invitation`: the invitation that activates an account, to a recipient of a run. Its claim requests it.

use super::MailRules;
use crate::template::{Link, MailFacts};

#[derive(Debug)]
pub(super) struct AccountInvitation;

impl MailRules for AccountInvitation {
    fn facts(&self) -> &'static MailFacts {
        const FACTS: MailFacts = MailFacts {
            link: Link::Activation,
            names_person: true,
            shows_phone: true,
            shows_lifetime: true,
            shows_app: true,
            ..MailFacts::PLAIN
        };
        &FACTS
    }
}
