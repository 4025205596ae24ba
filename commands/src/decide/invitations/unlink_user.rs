//! `UnlinkUser`: a person's channel is no longer linked; a new invitation may follow.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::company::Company;
use crate::company::numbers::pending_without;
use crate::decide::numbers::pool::spare;
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::ChannelName;
use crate::event::{Channel, Event, Permission};
use crate::values::{Code, Personal, Refusal};

/// A person's channel is no longer linked; a new invitation may follow.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnlinkUser {
    pub user: String,
    #[schemars(with = "ChannelName")]
    pub channel: String,
}

impl Decide for UnlinkUser {
    const NEEDS: Option<Permission> = Some(Permission::Accounts);
    const TAKES_NUMBERS: bool = true;

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let channel = Channel::read(&self.channel).ok_or(Code::ChannelUnknown)?;
        let (id, user) = company.user_meant(&self.user).ok_or(Code::UserNotFound)?;
        if !user.link(channel).linked {
            return Err(Code::UserInvalidTransition.into());
        }
        // A person with another invitation waits for a number again, so one must be available.
        let waits = company.numbers.is_account(id)
            && company.numbers.of(id).is_none()
            && pending_without(user, channel).next().is_some();
        if waits && !company.numbers.is_waiting(id) && spare(company, &user.org_unit) == 0 {
            return Err(Code::NumberNoneAvailable.into());
        }
        Ok(Decision::append(vec![Event::UserUnlinked { user: Personal(user.key()), channel }]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::numbers::pool::testing::{account, number_added, unit};
    use crate::decide::testing::{dispatched, given, user_created, who};
    use crate::values::RunId;

    /// A channel that is not linked cannot be unlinked.
    #[test]
    fn unlink_is_rejected_when_not_linked() {
        let unlink = || UnlinkUser { user: "ann".to_owned(), channel: "whatsapp".to_owned() };
        given([user_created("ann")]).when(unlink()).then_refused(Code::UserInvalidTransition);
        let linked =
            Event::UserLinked { user: who("ann"), channel: Channel::Whatsapp, invitation: None };
        let company = given([user_created("ann"), linked]);
        assert_eq!(company.when(unlink()).names(), ["UserUnlinked"]);
        company.after(unlink()).when(unlink()).then_refused(Code::UserInvalidTransition);
    }

    /// P19: a person with another invitation waits for a number again, which must be available.
    #[test]
    fn unlink_is_rejected_when_no_number_is_available() {
        let (run, user) = (RunId(ulid::Ulid(1)), who("ann"));
        let company = |numbers: u64| {
            let requested = Event::RunRequested {
                run,
                channel: Channel::Imessage,
                source: crate::event::Source::Users(vec![]),
                total: 1,
                duplicates_removed: 0,
                not_before: None,
                list_version: None,
            };
            let invited = dispatched(run, "ann", 2, 1);
            let linked = Event::UserLinked {
                user: who("ann"),
                channel: Channel::Whatsapp,
                invitation: None,
            };
            let queued = Event::RecipientQueued { run, user: user.clone() };
            let pool = (0..numbers).map(|n| number_added(n, Some("EMEA")));
            let events = [unit("EMEA", None)].into_iter().chain(pool).chain(account("ann", "EMEA"));
            given(events.chain([requested, queued, invited, linked]))
        };
        let unlink = || UnlinkUser { user: "ann".to_owned(), channel: "whatsapp".to_owned() };
        company(0).when(unlink()).then_refused(Code::NumberNoneAvailable);
        let unlinked = company(1).after(unlink()).0;
        assert!(unlinked.numbers.is_waiting(unlinked.users.find("ann").unwrap().0));
    }
}
