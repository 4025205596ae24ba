//! Whether the link of an invitation works, and why not.

use super::link::{Invitation, InvitationState, LinkBasis};
use super::run::AddressMark;
use super::state::Company;
use super::user_id::UserId;
use super::users::{User, UserState};
use crate::event::Channel;
use crate::values::{Code, InvitationId, Phone, Time};

/// What the links of a person depend on: a link works only while what its mail was sent on is as it was at
/// the claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkConditions {
    pub state: UserState,
    pub address: AddressMark,
    pub has_email: bool,
    pub is_account: bool,
    /// The phone on the person's record.
    pub phone: Option<Phone>,
    /// The corporate phones of the person.
    pub listed: Vec<Phone>,
}

impl LinkConditions {
    pub(crate) fn of(company: &Company, id: UserId) -> Option<Self> {
        let user = company.users.get(id)?;
        let mut conditions = Self {
            state: user.state,
            address: AddressMark::of(""),
            has_email: false,
            is_account: company.numbers.is_account(id),
            phone: None,
            listed: user.listed().to_vec(),
        };
        conditions.set_contacts(user.email(), user.phone);
        Some(conditions)
    }

    /// Sets the e-mail address and the phone on record. A device is an account without
    /// e-mail: its address is its phone.
    pub(crate) fn set_contacts(&mut self, email: Option<&str>, phone: Option<Phone>) {
        let device = phone.filter(|_| self.is_account && email.is_none());
        self.address = device
            .map_or_else(|| AddressMark::of(email.unwrap_or_default()), AddressMark::of_device);
        self.has_email = email.is_some();
        self.phone = phone;
    }

    /// The code of the first condition that has changed since the mail of the link was claimed. None if the link still
    /// works.
    pub(crate) fn unmet(&self, basis: &LinkBasis, channel_enabled: bool) -> Option<Code> {
        if self.state != UserState::Active {
            return Some(Code::InvitationUserInactive);
        }
        // A worker may have invited a person who had no address on record. Then no address has changed.
        let had_address = self.has_email || basis.address != AddressMark::of("");
        if self.address != basis.address && had_address {
            let is_device = self.is_account && !self.has_email && self.phone.is_some();
            return Some(match is_device {
                true => Code::InvitationPhoneChanged,
                false => Code::InvitationAddressChanged,
            });
        }
        let is_same = |phone: Phone| {
            self.listed.contains(&phone) && (!basis.on_record || self.phone == Some(phone))
        };
        if !basis.phone.is_none_or(is_same) {
            return Some(Code::InvitationPhoneChanged);
        }
        (!channel_enabled).then_some(Code::InvitationChannelDisabled)
    }
}

/// A link that works at the time it was looked up.
#[derive(Debug, Clone, Copy)]
pub struct LiveLink<'a> {
    pub id: UserId,
    pub user: &'a User,
    pub channel: Channel,
    pub invitation: Invitation,
}

impl Company {
    /// The link of a generation of an invitation, if it works at this time.
    ///
    /// # Errors
    /// The `invitation.*` code that says why it does not work.
    pub fn live_link(
        &self,
        invitation: InvitationId,
        generation: u32,
        now: Time,
    ) -> Result<LiveLink<'_>, Code> {
        let (id, channel) = self.invitations.get(&invitation).ok_or(Code::InvitationNotFound)?;
        let (id, channel) = (*id, *channel);
        let user = self.users.get(id).ok_or(Code::InvitationNotFound)?;
        let link = user.link(channel);
        let newest = link.invitation.ok_or(Code::InvitationNotFound)?;
        let Some(invitation) = link.generation(generation).copied() else {
            let is_older = generation < newest.generation;
            return Err(if is_older {
                Code::InvitationSuperseded
            } else {
                Code::InvitationNotFound
            });
        };
        match self.why_link_is_dead(id, channel, &invitation, now) {
            Some(code) => Err(code),
            None => Ok(LiveLink { id, user, channel, invitation }),
        }
    }

    /// The newest generation of an invitation on its channel.
    pub(crate) fn newest(&self, id: InvitationId) -> Option<Invitation> {
        let (user, channel) = self.invitations.get(&id)?;
        self.users.get(*user)?.link(*channel).invitation
    }

    /// Why a link of a person cannot be used at this time. None as long as it works.
    pub fn why_link_is_dead(
        &self,
        id: UserId,
        channel: Channel,
        invitation: &Invitation,
        now: Time,
    ) -> Option<Code> {
        match invitation.state {
            InvitationState::Linked => return Some(Code::InvitationAlreadyUsed),
            InvitationState::Revoked => return Some(Code::InvitationRevoked),
            InvitationState::Expired => return Some(Code::InvitationExpired),
            InvitationState::Ended(code) => return Some(code),
            // A bounced mail may have been read elsewhere, so its link stays valid.
            InvitationState::Created
            | InvitationState::Sent
            | InvitationState::Delivered
            | InvitationState::Deferred
            | InvitationState::Bounced => {}
        }
        if invitation.expires_at.is_some_and(|end| end <= now) {
            return Some(Code::InvitationExpired);
        }
        let enabled = self.settings.channel_enabled(channel);
        match LinkConditions::of(self, id) {
            Some(conditions) => conditions.unmet(&invitation.basis, enabled),
            None => Some(Code::InvitationUserInactive),
        }
    }

    /// Whether the mail of an invitation has not failed or bounced and its link works.
    pub fn is_live(
        &self,
        id: UserId,
        channel: Channel,
        invitation: &Invitation,
        now: Time,
    ) -> bool {
        invitation.is_open() && self.why_link_is_dead(id, channel, invitation, now).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::phone;

    /// An active person with an address, whose corporate phone is also the phone on record.
    fn person() -> LinkConditions {
        LinkConditions {
            state: UserState::Active,
            address: AddressMark::of("ann@acme.example"),
            has_email: true,
            is_account: false,
            phone: Some(phone(1)),
            listed: vec![phone(1), phone(2)],
        }
    }

    fn basis(address: &str) -> LinkBasis {
        LinkBasis { address: AddressMark::of(address), phone: Some(phone(1)), on_record: true }
    }

    #[test]
    fn link_works_while_its_conditions_hold() {
        let mailed = basis("ann@acme.example");
        assert_eq!(person().unmet(&mailed, true), None);
        assert_eq!(person().unmet(&mailed, false), Some(Code::InvitationChannelDisabled));
        let archived = LinkConditions { state: UserState::Archived, ..person() };
        assert_eq!(archived.unmet(&mailed, true), Some(Code::InvitationUserInactive));
        let moved = LinkConditions { phone: Some(phone(2)), ..person() };
        assert_eq!(moved.unmet(&mailed, true), Some(Code::InvitationPhoneChanged));
        let off_record = LinkBasis { on_record: false, ..mailed };
        assert_eq!(moved.unmet(&off_record, true), None);
        let unlisted = LinkConditions { listed: vec![phone(2)], ..person() };
        assert_eq!(unlisted.unmet(&off_record, true), Some(Code::InvitationPhoneChanged));
    }

    /// A worker may have invited a person who had no address on record. Then no address has changed.
    #[test]
    fn new_address_ends_a_link_unless_both_are_missing() {
        let changed = Some(Code::InvitationAddressChanged);
        assert_eq!(person().unmet(&basis("bob@acme.example"), true), changed);
        assert_eq!(person().unmet(&basis(""), true), changed);
        let without = LinkConditions { has_email: false, ..person() };
        assert_eq!(without.unmet(&basis("bob@acme.example"), true), changed);
        let device = AddressMark::of_device(phone(1));
        let without = LinkConditions { has_email: false, address: device, ..person() };
        assert_eq!(without.unmet(&basis(""), true), None);
    }

    #[test]
    fn changed_number_of_a_device_is_a_changed_phone() {
        let device = LinkConditions { has_email: false, is_account: true, ..person() };
        let code = device.unmet(&basis("bob@acme.example"), true);
        assert_eq!(code, Some(Code::InvitationPhoneChanged));
        let no_phone = LinkConditions { phone: None, ..device };
        let code = no_phone.unmet(&basis("bob@acme.example"), true);
        assert_eq!(code, Some(Code::InvitationAddressChanged));
    }

    #[test]
    fn only_an_account_without_email_is_a_device() {
        let address = |is_account, email: Option<&str>| {
            let mut conditions = LinkConditions { is_account, ..person() };
            conditions.set_contacts(email, Some(phone(1)));
            conditions.address
        };
        let (mail, device) = (AddressMark::of("a@acme.example"), AddressMark::of_device(phone(1)));
        assert_eq!(address(true, None), device);
        assert_eq!(address(true, Some("a@acme.example")), mail);
        assert_eq!(address(false, Some("a@acme.example")), mail);
        assert_eq!(address(false, None), AddressMark::of(""));
    }
}
