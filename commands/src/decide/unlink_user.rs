//! `UnlinkUser`: a person's channel is no longer linked; a new invitation may follow.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Asked, Decide, Decision};
use crate::code::{Code, Refusal};
use crate::company::Company;
use crate::event::{Channel, Event, Permission};
use crate::personal::Personal;
use crate::schema::ChannelName;

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

    fn decide(&self, company: &Company, _: &Asked<'_, Self>) -> Result<Decision, Refusal> {
        let channel = Channel::read(&self.channel).ok_or(Code::ChannelUnknown)?;
        let (_, user) = company.users.created(&self.user).ok_or(Code::UserNotFound)?;
        let linked = user.link(channel).linked;
        let unlinked = linked.then(|| Event::UserUnlinked { user: Personal(user.key()), channel });
        Ok(Decision::of(unlinked.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{given, user_created, who};

    #[test]
    fn only_what_is_linked_is_unlinked() {
        let unlink = || UnlinkUser { user: "ann".to_owned(), channel: "whatsapp".to_owned() };
        given([user_created("ann")]).when(unlink()).then([]);
        let linked = Event::UserLinked { user: who("ann"), channel: Channel::Whatsapp, invitation: None };
        let company = given([user_created("ann"), linked]);
        assert_eq!(company.when(unlink()).names(), ["UserUnlinked"]);
        company.after(unlink()).when(unlink()).then([]);
    }
}
