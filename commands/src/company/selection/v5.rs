//! Version 5 of the list procedure. Frozen: a change would change the history of stored runs.
//!
//! An import lists only its people without a working invitation on the channel.

use super::list::{Pick, Selection};
use super::v2;
use crate::company::{Company, Invitation, InvitationState, Link};
use crate::event::{Channel, Source};
use crate::values::Time;

/// The people of the source. Of an import: the people without a working invitation, and those without a user.
pub(super) fn select(company: &Company, source: &Source, channel: Channel, at: Time) -> Selection {
    let Source::Import(id) = source else { return v2::select(company, source, channel, at) };
    let Some(import) = company.imports.get(id) else { return Selection::default() };
    let lacks = |id| company.users.get(id).is_none_or(|user| lacks_invitation(&user.link(channel)));
    let people = import.members.iter().copied().filter(|id| lacks(*id));
    Selection { picks: people.map(Pick::Known).collect(), duplicates_removed: 0 }
}

/// Whether a person is not linked and has no invitation that works or may work. Either no mail was ever sent, or the
/// newest invitation has expired or ended, or its only mail has certainly failed.
pub(in crate::company) fn lacks_invitation(link: &Link) -> bool {
    let is_over = |newest: Invitation| match newest.state {
        InvitationState::Ended(_) | InvitationState::Expired => true,
        // A mail that was sent and came back may have been read before. Its link works.
        InvitationState::Bounced => !newest.was_mailed(),
        _ => false,
    };
    !link.linked && (!link.mailed || link.invitation.is_some_and(is_over))
}
