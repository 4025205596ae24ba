//! How events change invitations and links.

use crate::company::{AddressMark, Company, Invitation, InvitationState, LastMail, Link, UserId};
use crate::event::{Channel, Delivery, InvitationEvent};
use crate::values::{RunId, UserKey};

impl Company {
    /// Changes a generation of an invitation, and updates the indexes of links and of reminders.
    pub(super) fn change_invitation(
        &mut self,
        user: UserId,
        channel: Channel,
        generation: u32,
        change: impl FnOnce(&mut Invitation),
    ) {
        let link = self.users.get_mut(user).and_then(|user| user.link_mut(channel));
        let Some(link) = link else { return };
        let is_newest = link.invitation.is_some_and(|newest| newest.generation == generation);
        let Some(invitation) = link.generation_mut(generation) else { return };
        self.link_ends.remove(channel, invitation);
        // A reminder repeats the newest link only.
        if is_newest {
            self.reminders.remove(invitation);
        }
        change(invitation);
        if is_newest && self.settings.reminds() {
            self.reminders.add(invitation);
        }
        self.link_ends.add(channel, invitation);
    }

    /// Adds an invitation whose mail was claimed. `keeps_older` tells whether the links before it live on until the
    /// mail is sent.
    pub(super) fn invite(
        &mut self,
        user: UserId,
        channel: Channel,
        created: Invitation,
        keeps_older: bool,
    ) {
        self.invitations.insert(created.id, (user, channel));
        let link = self.users.get_mut(user).and_then(|user| user.link_mut(channel));
        let Some(link) = link else { return };
        link.generation = link.generation.max(created.generation);
        let before = link.invitation.replace(created);
        if let Some(before) = &before {
            self.reminders.remove(before);
        }
        // A retry claims the same generation again.
        let before = before.filter(|before| before.generation != created.generation);
        link.older.extend(before);
        let keeps = |older: &Invitation| keeps_older && older.may_be_used();
        let (kept, gone) = std::mem::take(&mut link.older).into_iter().partition(keeps);
        link.older = kept;
        let gone: Vec<Invitation> = gone;
        gone.iter().for_each(|older| self.link_ends.remove(channel, older));
    }

    /// Records the result of the last mail to a person.
    pub(super) fn note_mail(&mut self, user: UserId, channel: Channel, last: LastMail) {
        if let Some(link) = self.users.get_mut(user).and_then(|user| user.link_mut(channel)) {
            (link.last, link.arrived) = (last, false);
            link.mailed |= matches!(last, LastMail::Sent | LastMail::Uncertain);
        }
    }

    /// Records that the last mail has arrived, if its delivery was uncertain.
    fn note_arrival(&mut self, user: UserId, channel: Channel) {
        if let Some(link) = self.users.get_mut(user).and_then(|user| user.link_mut(channel)) {
            link.arrived = link.last == LastMail::Uncertain;
        }
    }

    /// The newest mail was sent: the links before it have ended.
    pub(super) fn supersede(&mut self, user: UserId, channel: Channel) {
        let link = self.users.get_mut(user).and_then(|user| user.link_mut(channel));
        let older = link.map(|link| std::mem::take(&mut link.older)).unwrap_or_default();
        older.iter().for_each(|older| self.link_ends.remove(channel, older));
    }

    /// The newest mail has certainly failed: the link before it is the newest again. False if there is none.
    pub(super) fn return_to_older(&mut self, user: UserId, channel: Channel) -> bool {
        let link = self.users.get_mut(user).and_then(|user| user.link_mut(channel));
        let Some(link) = link else { return false };
        let Some(older) = link.older.pop() else { return false };
        if let Some(failed) = link.invitation.replace(older) {
            self.reminders.remove(&failed);
            self.link_ends.remove(channel, &failed);
        }
        if self.settings.reminds() {
            self.reminders.add(&older);
        }
        true
    }

    pub(super) fn evolve_invitation(&mut self, event: InvitationEvent<'_>) {
        match event {
            InvitationEvent::UserLinked { user, channel, .. } => {
                let user = self.users.enter(user.as_str());
                let mut generations = Vec::new();
                if let Some(link) =
                    self.users.get_mut(user).and_then(|user| user.link_mut(*channel))
                {
                    link.linked = true;
                    generations = link.generations().map(|one| one.generation).collect();
                }
                for generation in generations {
                    self.change_invitation(user, *channel, generation, |invitation| {
                        invitation.state = InvitationState::Linked;
                    });
                }
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
            InvitationEvent::InvitationEnded { user, channel, generation, code, .. } => {
                self.end_invitation(user, *channel, *generation, InvitationState::Ended(*code));
            }
            InvitationEvent::InvitationClicked { user, channel, generation, .. } => {
                let user = self.users.enter(user.as_str());
                self.change_invitation(user, *channel, *generation, |invitation| {
                    invitation.clicked = true;
                });
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
        self.change_invitation(user, channel, generation, |invitation| invitation.state = state);
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
        let is_last = |link: Link| link.generation == recipient.generation && link.mailed;
        let link = self.users.get(user).map(|user| user.link(channel));
        if link.is_some_and(is_last) {
            match delivery {
                Delivery::BouncedHard => self.note_mail(user, channel, LastMail::Bounced),
                // A person who complains about a mail has received it.
                Delivery::Delivered | Delivery::Complained => self.note_arrival(user, channel),
                Delivery::BouncedSoft => {}
            }
        }
        self.change_invitation(user, channel, recipient.generation, |invitation| {
            let handed_over = matches!(
                invitation.state,
                InvitationState::Sent | InvitationState::Delivered | InvitationState::Deferred
            );
            if handed_over {
                invitation.state = state;
            }
        });
    }
}
