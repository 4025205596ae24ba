//! The link of a person to a channel, and the generations of the invitation to it.

use serde::{Deserialize, Serialize};

use super::run::{AddressMark, Recipient};
use crate::values::{Code, InvitationId, Phone, Time};

/// A person on one channel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Link {
    pub linked: bool,
    /// The newest invitation. It returns to an earlier one when its own mail certainly failed.
    pub invitation: Option<Invitation>,
    /// Earlier generations whose mails may have arrived, oldest first. The next sent mail replaces them.
    pub older: Vec<Invitation>,
    /// The highest generation so far; 0 before the first.
    pub generation: u32,
    /// The result of the last attempt to send a mail.
    pub last: LastMail,
    /// Whether a mail was ever sent, or may have been.
    pub mailed: bool,
    /// Whether the last mail arrived although its delivery was uncertain.
    pub arrived: bool,
}

/// The result of the last attempt to send a person a mail about a channel. A skipped recipient is no attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastMail {
    #[default]
    None,
    Sent,
    /// The mail was sent, and came back for good.
    Bounced,
    Failed,
    /// The mail may have been sent.
    Uncertain,
}

impl Link {
    /// Whether the last mail may have been sent, and no report says that it arrived.
    pub fn is_uncertain(&self) -> bool {
        self.last == LastMail::Uncertain && !self.arrived
    }

    /// The generation of the invitation, if no later mail has replaced it.
    pub fn generation(&self, generation: u32) -> Option<&Invitation> {
        self.generations().find(|invitation| invitation.generation == generation)
    }

    pub(crate) fn generation_mut(&mut self, generation: u32) -> Option<&mut Invitation> {
        let mut all = self.invitation.iter_mut().chain(&mut self.older);
        all.find(|invitation| invitation.generation == generation)
    }

    /// All generations that no later mail has replaced, the newest first.
    pub fn generations(&self) -> impl Iterator<Item = &Invitation> {
        self.invitation.iter().chain(self.older.iter().rev())
    }
}

/// One generation of the invitation of a person to a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    pub id: InvitationId,
    /// Counts the sends: the links before it end when its mail was sent.
    pub generation: u32,
    pub state: InvitationState,
    pub expires_at: Option<Time>,
    /// When the last mail with its link went out; 1970 before.
    pub mailed_at: Time,
    /// Whether its mail may have been sent, without an acknowledgement.
    pub uncertain: bool,
    /// How many reminders of this link were asked for.
    pub reminders: u8,
    /// Whether the page of the link was opened.
    pub clicked: bool,
    pub basis: LinkBasis,
}

/// What a link depends on, as it was when its mail was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkBasis {
    pub address: AddressMark,
    /// The corporate phone; none if the invitation needed none, and for an invitation of an older event.
    pub phone: Option<Phone>,
    /// Whether the phone was also the one on the person's record.
    pub on_record: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvitationState {
    /// Claimed for sending; no report yet.
    Created,
    Sent,
    Delivered,
    Deferred,
    Bounced,
    Linked,
    Expired,
    Revoked,
    /// What the link depended on is no longer true. The code says what has changed.
    Ended(Code),
}

impl Invitation {
    /// An invitation whose mail is claimed for sending.
    pub(crate) fn new(id: InvitationId, generation: u32, basis: LinkBasis) -> Self {
        let (state, mailed_at) = (InvitationState::Created, Time::default());
        let (uncertain, reminders, clicked) = (false, 0, false);
        let expires_at = None;
        Self { id, generation, state, expires_at, mailed_at, uncertain, reminders, clicked, basis }
    }

    /// Whether its mail was sent, or may have been.
    pub(crate) fn was_mailed(&self) -> bool {
        self.mailed_at != Time::default() || self.uncertain
    }

    /// Whether this is the claim of a recipient, still without a report.
    pub(crate) fn is_claimed_by(&self, recipient: &Recipient) -> bool {
        self.state == InvitationState::Created && self.generation == recipient.generation
    }

    /// Whether no event has ended it and its mail has not failed or bounced.
    pub fn is_open(&self) -> bool {
        matches!(
            self.state,
            InvitationState::Created
                | InvitationState::Sent
                | InvitationState::Delivered
                | InvitationState::Deferred
        )
    }

    /// Whether a mail with its link may have arrived, and no event has ended the link.
    pub(crate) fn may_be_used(&self) -> bool {
        let bounced = self.state == InvitationState::Bounced && self.mailed_at != Time::default();
        self.is_open() || bounced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation(state: InvitationState, mailed_at: Time) -> Invitation {
        let basis = LinkBasis { address: AddressMark::of(""), phone: None, on_record: false };
        let new = Invitation::new(InvitationId(ulid::Ulid(1)), 1, basis);
        Invitation { state, mailed_at, ..new }
    }

    #[test]
    fn link_is_uncertain_until_its_mail_arrives() {
        let link = |last, arrived| Link { last, arrived, ..Link::default() }.is_uncertain();
        assert!(link(LastMail::Uncertain, false));
        assert!(!link(LastMail::Uncertain, true) && !link(LastMail::Sent, false));
    }

    #[test]
    fn bounced_link_may_be_used_only_if_it_was_mailed() {
        let may = |state, at| invitation(state, Time(at)).may_be_used();
        assert!(may(InvitationState::Created, 0) && may(InvitationState::Bounced, 1));
        assert!(!may(InvitationState::Bounced, 0) && !may(InvitationState::Expired, 1));
    }
}
