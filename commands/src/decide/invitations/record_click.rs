//! `RecordClick`: a person opened the page of a mailed link.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::company::Company;
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Personal, Refusal};

/// The page of a link was opened. Only the first time of each link is recorded, and the link stays unused.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordClick {
    /// The token of the mailed link.
    pub token: Personal<String>,
}

impl Decide for RecordClick {
    // A valid token needs no permission.
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        let live = context.live_link(company)?;
        let clicked = Event::InvitationClicked {
            user: Personal(live.user.key()),
            channel: live.channel,
            invitation: live.invitation.id,
            generation: live.invitation.generation,
        };
        let events = if live.invitation.clicked { vec![] } else { vec![clicked] };
        Ok(Decision::append_if_any(events))
    }
}

#[cfg(test)]
mod tests {
    use ulid::Ulid;

    use super::*;
    use crate::decide::Facts;
    use crate::decide::invitations::link_completed::testing::{invited, sent};
    use crate::decide::testing::{Input, given};
    use crate::values::{Code, InvitationId};

    fn open(generation: u32) -> Input {
        let command = RecordClick { token: Personal("token".to_owned()) }.into();
        Input { command, facts: Facts::Invitation(InvitationId(Ulid(5)), generation) }
    }

    /// LX-31: the first click of each link is recorded, and uses nothing up.
    #[test]
    fn first_click_of_each_link_is_recorded() {
        let company = given(invited());
        assert_eq!(company.when(open(1)).names(), ["InvitationClicked"]);
        let company = company.after(open(1));
        company.when(open(1)).then([]);
        let resent = given(invited().into_iter().chain(sent(2))).after(open(2));
        resent.when(open(2)).then([]);
        resent.when(open(1)).then_refused(Code::InvitationSuperseded);
    }
}
