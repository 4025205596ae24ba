//! `LinkCompleted`: a person used the link; the channel is linked.

use schemars::{JsonSchema, Schema};
use serde::Deserialize;

use crate::company::{Company, NumberState, User, UserId, UserState};
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::ChannelName;
use crate::event::{Channel, Event, Permission};
use crate::schema::exactly_one_of;
use crate::values::{Code, Personal, Phone, Refusal};

/// Either a `token`, or a `user` and a `channel`. The token is that of the mailed link, or an activation code of its page.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = either_way)]
pub struct LinkCompleted {
    pub token: Option<Personal<String>>,
    pub user: Option<String>,
    #[schemars(with = "Option<ChannelName>")]
    pub channel: Option<String>,
}

fn either_way(schema: &mut Schema) {
    exactly_one_of(schema, &[&["token"], &["user", "channel"]]);
}

impl Decide for LinkCompleted {
    // A valid token needs no permission; without a token the rule requires one.
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        match (&self.token, &self.user, &self.channel) {
            (Some(_), None, None) => by_token(company, context),
            (None, Some(user), Some(channel)) => {
                context.require(company, Permission::BulkIntegrateUsers)?;
                by_name(company, user, channel)
            }
            _ => Err(Refusal::new(Code::EnvelopeMalformed)
                .saying("give either token, or user and channel")),
        }
    }
}

fn by_token(company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
    let live = context.live_link(company)?;
    if context.facts.code_expires_at().is_some_and(|end| end <= context.at) {
        return Err(Code::InvitationCodeExpired.into());
    }
    linked(company, live.id, live.user, live.channel)
}

fn by_name(company: &Company, user: &str, channel: &str) -> Result<Decision, Refusal> {
    let channel = Channel::read(channel).ok_or(Code::ChannelUnknown)?;
    let (id, user) = company.user_meant(user).ok_or(Code::UserNotFound)?;
    linked(company, id, user, channel)
}

fn linked(
    company: &Company,
    id: UserId,
    user: &User,
    channel: Channel,
) -> Result<Decision, Refusal> {
    if user.state == UserState::Archived {
        return Err(Code::UserArchived.into());
    }
    let link = user.link(channel);
    if link.linked {
        return Ok(Decision::append(vec![]));
    }
    let invitation = link.invitation.map(|invitation| invitation.id);
    let linked = Event::UserLinked { user: Personal(user.key()), channel, invitation };
    let number = company.numbers.of(id).filter(|number| is_assigned(company, *number));
    let registered = number.map(|number| Event::NumberRegistered {
        number: Personal(number),
        user: Personal(user.key()),
    });
    Ok(Decision::append([linked].into_iter().chain(registered).collect()))
}

fn is_assigned(company: &Company, number: Phone) -> bool {
    let state = company.numbers.get(number).map(|number| &number.state);
    matches!(state, Some(NumberState::Assigned { .. }))
}

#[cfg(test)]
pub(crate) mod testing {
    use crate::decide::testing::{NOW, a_running_run, dispatched, run_id, who};
    use crate::event::Event;

    /// Ann's invitation, sent an hour ago for a day.
    pub(in crate::decide) fn invited() -> Vec<Event> {
        let mut events = a_running_run();
        events.extend(sent(1));
        events
    }

    pub(in crate::decide) fn sent(generation: u32) -> [Event; 2] {
        let dispatched = dispatched(run_id(1), "ann", 5, generation);
        let expires_at = NOW.plus_seconds(23 * 3600);
        let sent = Event::InviteSent {
            run: run_id(1),
            user: who("ann"),
            attempt: 1,
            message_id: "m".to_owned(),
            expires_at,
        };
        [dispatched, sent]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::testing::{invited, sent};
    use super::*;
    use crate::decide::testing::{Input, NOW, Then, given, who};
    use crate::decide::{Authority, Facts};
    use crate::values::{InvitationId, Time};

    fn follow(generation: u32) -> Input {
        let token = Some(Personal("token".to_owned()));
        let command = LinkCompleted { token, user: None, channel: None }.into();
        Input { command, facts: Facts::Invitation(InvitationId(ulid::Ulid(5)), generation) }
    }

    fn at(events: Vec<Event>, generation: u32, now: Time) -> Then {
        given(events).when_asked_by("link", Authority::Granted, now, follow(generation))
    }

    /// P18: linking registers the number, which stays when other invitations end.
    #[test]
    fn number_is_registered_when_its_person_links() {
        use crate::decide::numbers::pool::testing::{assigned, number_added};
        let events: Vec<_> =
            invited().into_iter().chain([number_added(1, None), assigned(1, "ann")]).collect();
        assert_eq!(at(events, 1, NOW).names(), ["UserLinked", "NumberRegistered"]);
    }

    /// LX-31: following a live link links the user; a second time is rejected.
    #[test]
    fn live_link_links_the_user_once() {
        at(invited(), 1, NOW).then([Event::UserLinked {
            user: who("ann"),
            channel: Channel::Whatsapp,
            invitation: Some(InvitationId(ulid::Ulid(5))),
        }]);
        let used = given(invited()).after(follow(1));
        used.when(follow(1)).then_refused(Code::InvitationAlreadyUsed);
    }

    /// P21: an expired, superseded or revoked link never links.
    #[test]
    fn dead_link_never_links() {
        at(invited(), 1, NOW.plus_seconds(24 * 3600)).then_refused(Code::InvitationExpired);
        let resent: Vec<_> = invited().into_iter().chain(sent(2)).collect();
        at(resent.clone(), 1, NOW).then_refused(Code::InvitationSuperseded);
        assert!(at(resent, 2, NOW).0.is_ok());
        let revoked = Event::InvitationRevoked {
            user: who("ann"),
            channel: Channel::Whatsapp,
            invitation: InvitationId(ulid::Ulid(5)),
            generation: 1,
        };
        at(invited().into_iter().chain([revoked]).collect(), 1, NOW)
            .then_refused(Code::InvitationRevoked);
    }

    /// An activation code works until its own end, and as long as its link does.
    #[test]
    fn activation_code_links_until_it_expires() {
        let end = NOW.plus_seconds(60);
        let complete = |now| {
            let facts = Facts::Activation(InvitationId(ulid::Ulid(5)), 1, end);
            let input = Input { facts, ..follow(1) };
            given(invited()).when_asked_by("link", Authority::Granted, now, input)
        };
        assert_eq!(complete(NOW).names(), ["UserLinked"]);
        complete(end).then_refused(Code::InvitationCodeExpired);
        complete(NOW.plus_seconds(24 * 3600)).then_refused(Code::InvitationExpired);
    }

    #[test]
    fn a_token_that_was_not_verified_is_unknown() {
        given(invited())
            .when_json("LinkCompleted", json!({"token": "guess"}))
            .then_refused(Code::InvitationNotFound);
    }

    #[test]
    fn a_user_may_be_named_instead() {
        let body = json!({"user": "bob", "channel": "whatsapp"});
        assert_eq!(given(invited()).when_json("LinkCompleted", body).names(), ["UserLinked"]);
    }
}
