//! How events change invitations and links.

use crate::company::{AddressMark, Company, Invitation, InvitationState, UserId};
use crate::event::{Channel, Delivery, InvitationEvent};
use crate::values::{RunId, Time, UserKey};

impl Company {
    /// Changes the newest invitation, and updates the indexes of expiring invitations and of reminders.
    pub(super) fn change_invitation(
        &mut self,
        user: UserId,
        channel: Channel,
        change: impl FnOnce(&mut Invitation),
    ) {
        let link = self.users.get_mut(user).and_then(|user| user.link_mut(channel));
        let Some(invitation) = link.and_then(|link| link.invitation.as_mut()) else { return };
        if let Some(end) = invitation.expires_at {
            self.expiring.remove(&(end, invitation.id));
        }
        self.reminders.remove(invitation);
        change(invitation);
        if self.settings.reminds() {
            self.reminders.add(invitation);
        }
        if let Some(end) = invitation.expires_at.filter(|end| invitation.is_live(Time(end.0 - 1))) {
            self.expiring.insert((end, invitation.id));
        }
    }

    pub(super) fn evolve_invitation(&mut self, event: InvitationEvent<'_>) {
        match event {
            InvitationEvent::UserLinked { user, channel, .. } => {
                let user = self.users.enter(user.as_str());
                if let Some(link) =
                    self.users.get_mut(user).and_then(|user| user.link_mut(*channel))
                {
                    link.linked = true;
                }
                self.change_invitation(user, *channel, |invitation| {
                    invitation.state = InvitationState::Linked;
                });
            }
            InvitationEvent::UserUnlinked { user, channel } => {
                let user = self.users.enter(user.as_str());
                if let Some(link) =
                    self.users.get_mut(user).and_then(|user| user.link_mut(*channel))
                {
                    link.linked = false;
                }
            }
            InvitationEvent::InvitationExpired { user, channel, generation, .. } => {
                self.end_invitation(user, *channel, *generation, InvitationState::Expired);
            }
            InvitationEvent::InvitationRevoked { user, channel, generation, .. } => {
                self.end_invitation(user, *channel, *generation, InvitationState::Revoked);
            }
            InvitationEvent::DeliveryRecorded { run, user, delivery, .. } => {
                self.record_delivery(run, user, *delivery);
            }
        }
    }

    pub(super) fn end_invitation(
        &mut self,
        key: &UserKey,
        channel: Channel,
        generation: u32,
        state: InvitationState,
    ) {
        let user = self.users.enter(key.as_str());
        self.change_invitation(user, channel, |invitation| {
            if invitation.generation == generation {
                invitation.state = state;
            }
        });
    }

    pub(super) fn record_delivery(&mut self, run: &RunId, key: &UserKey, delivery: Delivery) {
        let user = self.users.enter(key.as_str());
        let Some(run) = self.runs.get(run) else { return };
        let channel = run.channel;
        let Some((_, recipient)) = run.recipient(user) else { return };
        if matches!(delivery, Delivery::BouncedHard | Delivery::Complained) {
            let on_record = self.users.get(user).and_then(|user| user.email()).map(AddressMark::of);
            self.suppressed.extend(recipient.mailed_to.or(on_record));
        }
        let state = match delivery {
            Delivery::Delivered | Delivery::Complained => InvitationState::Delivered,
            Delivery::BouncedHard => InvitationState::Bounced,
            Delivery::BouncedSoft => InvitationState::Deferred,
        };
        self.change_invitation(user, channel, |invitation| {
            let handed_over = matches!(
                invitation.state,
                InvitationState::Sent | InvitationState::Delivered | InvitationState::Deferred
            );
            if handed_over && invitation.generation == recipient.generation {
                invitation.state = state;
            }
        });
    }
}
