//! Whether the invitation of an account is pending, and why not: for the move and for the query before it.

use crate::company::{Invitation, LastMail, Link, User, UserState};
use crate::event::Channel;
use crate::values::{Code, Refusal};

/// What is known of an account on one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChannelFacts {
    pub is_linked: bool,
    /// Whether no event has ended the newest invitation, and its mail has not failed or bounced.
    pub is_open: bool,
    /// The result of the last mail.
    pub last: LastMail,
    /// Whether a mail was ever sent, or may have been.
    pub was_mailed: bool,
}

impl From<Link> for ChannelFacts {
    fn from(link: Link) -> Self {
        let is_open = link.invitation.as_ref().is_some_and(Invitation::is_open);
        Self { is_linked: link.linked, is_open, last: link.last, was_mailed: link.mailed }
    }
}

/// Why an account has no pending invitation and cannot be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPending {
    Archived,
    Active,
    Failed,
    Ended,
    NotInvited,
}

impl NotPending {
    /// Why no invitation of the account is pending. None if one is: the account has an open invitation, is linked to no
    /// channel, and is not archived.
    pub fn of(is_archived: bool, channels: &[ChannelFacts]) -> Option<Self> {
        let any = |fact: fn(&ChannelFacts) -> bool| channels.iter().any(fact);
        let has_failed =
            |one: &ChannelFacts| matches!(one.last, LastMail::Failed | LastMail::Bounced);
        if is_archived {
            Some(Self::Archived)
        } else if any(|one| one.is_linked) {
            Some(Self::Active)
        } else if any(|one| one.is_open) {
            None
        } else if any(has_failed) {
            Some(Self::Failed)
        } else if any(|one| one.was_mailed) {
            Some(Self::Ended)
        } else {
            Some(Self::NotInvited)
        }
    }

    /// What is so, and what to do.
    pub fn text(self) -> &'static str {
        match self {
            Self::Archived => {
                "An account has no pending invitation, so it cannot be moved: it is archived; restore it, or leave it out."
            }
            Self::Active => {
                "An account has no pending invitation, so it cannot be moved: it is active already; leave it out."
            }
            Self::Failed => {
                "An account has no pending invitation, so it cannot be moved: its last invitation failed; invite it again first, or leave it out."
            }
            Self::Ended => {
                "An account has no pending invitation, so it cannot be moved: its last link has ended; invite it again first, or leave it out."
            }
            Self::NotInvited => {
                "An account has no pending invitation, so it cannot be moved: it was not invited yet; invite it first, or leave it out."
            }
        }
    }
}

/// The refusal to move this account. None if its invitation is pending.
pub(crate) fn not_pending(user: &User) -> Option<Refusal> {
    let channels = Channel::ALL.map(|channel| user.link(channel).into());
    let why = NotPending::of(user.state == UserState::Archived, &channels)?;
    Some(Refusal { message: why.text().to_owned(), ..Refusal::new(Code::InvitationNotFound) })
}
