//! The ids of invitations and their mails.

use crate::company::{Company, User};
use crate::event::{Channel, message_id};
use crate::values::{InvitationId, RunId, Time};

/// The id of a person's invitation to a channel: derived from company, user, channel and time, so that
/// the rule stays deterministic.
pub(super) fn invitation_id(
    company: &Company,
    user: &User,
    channel: Channel,
    at: Time,
) -> InvitationId {
    let mut hasher = blake3::Hasher::new();
    for part in [company.id.as_str(), &user.key().folded(), channel.as_str()] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut random = [0u8; 16];
    hasher.finalize_xof().fill(&mut random);
    let millis = u64::try_from(at.0).unwrap_or(0);
    InvitationId(ulid::Ulid::from_parts(millis, u128::from_le_bytes(random)))
}

/// The Message-ID of a run's mail to the recipient at this place: the same at every attempt.
pub fn own_message_id(company: &Company, run: RunId, place: u32) -> String {
    format!("{}@{}.boarding.invalid", message_id(run, place), company.id)
}
