//! `channel_invitation`: the invitation with its link, to a recipient of a run. The claim of the recipient requests it.

use super::MailRules;
use crate::template::{Link, MailFacts};

#[derive(Debug)]
pub(super) struct ChannelInvitation;

impl MailRules for ChannelInvitation {
    fn facts(&self) -> &'static MailFacts {
        const FACTS: MailFacts = MailFacts {
            link: Link::Account,
            names_person: true,
            names_channel: true,
            shows_phone: true,
            shows_lifetime: true,
            ..MailFacts::PLAIN
        };
        &FACTS
    }
}
