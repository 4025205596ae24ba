//! A person's invitation as the topic of a mail: its channel and its link.

use super::facts::{LinkTarget, TopicFacts};
use crate::company::{Company, UserId};
use crate::event::{Channel, Topic};
use crate::template::{TopicVariables, channel_name};

pub(super) fn facts(company: &Company, about: &Topic) -> Option<TopicFacts> {
    let Topic::Invitation { channel, invitation, generation, .. } = about else { return None };
    let (user, _) = company.invitations.get(invitation)?;
    let newest = company.users.get(*user)?.link(*channel).invitation?;
    Some(TopicFacts {
        channel: Some(*channel),
        link: Some(LinkTarget::Invitation(*invitation, *generation)),
        expires_at: Some(newest.expires_at?),
        variables: variables(company, *user, *channel),
    })
}

/// The channel that the invitation links; empty if the invitation activates the account.
pub fn variables(company: &Company, id: UserId, channel: Channel) -> TopicVariables {
    let user = company.users.get(id);
    let activates = user.is_some_and(|user| company.is_to_activate(id, user));
    let name = if activates { "" } else { channel_name(channel) };
    TopicVariables::default().text(CHANNEL_NAME, name)
}

/// The variables with values for the check of a template.
pub(crate) fn sample() -> TopicVariables {
    TopicVariables::default().text(CHANNEL_NAME, channel_name(Channel::Whatsapp))
}

const CHANNEL_NAME: &str = "channel_name";
