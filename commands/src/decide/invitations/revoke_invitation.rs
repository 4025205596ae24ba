//! `RevokeInvitation`: a person's live link stops working.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::company::{Company, Invitation};
use crate::decide::numbers::pool::released_with;
use crate::decide::rule::{Context, Decide, Decision};
use crate::decide::runs::start_bulk_integration::read_channel;
use crate::event::ChannelName;
use crate::event::{Event, Permission};
use crate::values::{Code, Personal, Refusal};

/// A person's live link stops working.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeInvitation {
    pub user: String,
    #[schemars(with = "ChannelName")]
    pub channel: String,
}

impl Decide for RevokeInvitation {
    // The permission depends on the user, so the rule checks it.
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        context.require_to_invite(company, std::slice::from_ref(&self.user))?;
        let channel = read_channel(company, &self.channel)?;
        let (id, user) = company.user_meant(&self.user).ok_or(Code::UserNotFound)?;
        let link = user.link(channel);
        let newest = link.invitation.ok_or(Code::InvitationNotFound)?;
        let dead = |one: &Invitation| company.why_link_is_dead(id, channel, one, context.at);
        let live = link.generations().filter(|one| dead(one).is_none());
        let revoked: Vec<_> = live
            .map(|one| Event::InvitationRevoked {
                user: Personal(user.key()),
                channel,
                invitation: one.id,
                generation: one.generation,
            })
            .collect();
        if let Some(code) = dead(&newest).filter(|_| revoked.is_empty()) {
            return Err(code.into());
        }
        let released = released_with(company, id, user, &BTreeSet::from([newest.id]), context.at);
        Ok(Decision::append(revoked.into_iter().chain(released).collect()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::invitations::link_completed::testing::invited;
    use crate::decide::testing::given;

    /// P18: revoking releases the number of a person who has not linked.
    #[test]
    fn revoked_invitation_releases_its_number() {
        use crate::decide::numbers::pool::testing::{assigned, number, number_added};
        let revoke = || RevokeInvitation { user: "ann".to_owned(), channel: "whatsapp".to_owned() };
        let company =
            given(invited().into_iter().chain([number_added(1, None), assigned(1, "ann")]));
        assert_eq!(company.when(revoke()).names(), ["InvitationRevoked", "NumberReleased"]);
        let company = company.after(revoke());
        assert_eq!(company.0.numbers.get(number(1)).unwrap().state.as_str(), "available");
    }

    /// ML-01, ML-10: the permission for accounts allows to resend and revoke invitations of accounts only.
    #[test]
    fn permission_for_accounts_covers_invitations_of_accounts_only() {
        use crate::decide::numbers::pool::testing::{account, unit, user_of};
        use crate::decide::testing::channel_enabled;
        let company = |permission| {
            let actor = Personal("jane@acme.example".to_owned());
            let granted = Event::PermissionsGranted { actor, permissions: vec![permission] };
            let people =
                account("ann", "EMEA").into_iter().chain([user_of("zoe", "EMEA"), granted]);
            given([channel_enabled(), unit("EMEA", None)].into_iter().chain(people))
        };
        let revoke = |user: &str| json!({"user": user, "channel": "whatsapp"});
        let resend = |users: &[&str]| json!({"users": users, "channel": "whatsapp"});
        let may = company(Permission::Accounts);
        may.when_json("RevokeInvitation", revoke("ann")).then_refused(Code::InvitationNotFound);
        assert!(may.when_json("ResendInvitation", resend(&["ANN"])).0.is_ok());
        let filter = json!({"filter": "not_invited", "channel": "whatsapp"});
        for (name, body) in [
            ("RevokeInvitation", revoke("zoe")),
            ("RevokeInvitation", revoke("unknown")),
            ("ResendInvitation", resend(&["ann", "zoe"])),
            ("ResendInvitation", resend(&[])),
            ("ResendInvitation", filter),
        ] {
            let refusal = may.when_json(name, body).then_refused(Code::AuthPermissionDenied);
            assert_eq!(refusal.details, json!({"permission": "bulk_integrate_users"}));
        }
        let other = company(Permission::BulkImportUsers);
        other
            .when_json("ResendInvitation", resend(&["ann"]))
            .then_refused(Code::AuthPermissionDenied);
        let integrates = company(Permission::BulkIntegrateUsers);
        assert!(integrates.when_json("ResendInvitation", resend(&["ann", "zoe"])).0.is_ok());
    }

    #[test]
    fn a_live_invitation_is_revoked_once() {
        let revoke = || RevokeInvitation { user: "ann".to_owned(), channel: "whatsapp".to_owned() };
        let company = given(invited());
        assert_eq!(company.when(revoke()).names(), ["InvitationRevoked"]);
        let company = company.after(revoke());
        company.when(revoke()).then_refused(Code::InvitationRevoked);
        let unknown_user = json!({"user": "zoe", "channel": "whatsapp"});
        company.when_json("RevokeInvitation", unknown_user).then_refused(Code::UserNotFound);
    }
}
