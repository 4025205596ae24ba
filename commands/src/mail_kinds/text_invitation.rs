//! `text_invitation`: the invitation of an account that is a device, as a text message. Its claim requests it.

use super::{MailRules, topics};
use crate::template::{Link, MailFacts, TopicVariables};

#[derive(Debug)]
pub(super) struct TextInvitation;

impl MailRules for TextInvitation {
    fn facts(&self) -> &'static MailFacts {
        const FACTS: MailFacts = MailFacts {
            is_text_message: true,
            link: Link::Activation,
            names_person: true,
            shows_phone: true,
            shows_lifetime: true,
            shows_app: true,
            ..MailFacts::PLAIN
        };
        &FACTS
    }

    fn sample(&self) -> TopicVariables {
        topics::invitation::sample()
    }
}
