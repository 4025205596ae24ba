//! A person's invitation as the topic of a mail: its channel and its link.

use super::facts::{LinkTarget, TopicFacts};
use crate::company::Company;
use crate::event::Topic;

pub(super) fn facts(company: &Company, about: &Topic) -> Option<TopicFacts> {
    let Topic::Invitation { channel, invitation, generation, .. } = about else { return None };
    let (user, _) = company.invitations.get(invitation)?;
    let newest = company.users.get(*user)?.link(*channel).invitation?;
    Some(TopicFacts {
        channel: Some(*channel),
        link: Some(LinkTarget::Invitation(*invitation, *generation)),
        expires_at: Some(newest.expires_at?),
        ..TopicFacts::default()
    })
}
