//! Version 4 of the list procedure. Frozen: a change would change the history of stored runs.
//!
//! An import lists only its people without an invitation on the channel.

use super::list::{Pick, Selection};
use super::v2;
use crate::company::{Company, InvitationState};
use crate::event::{Channel, Source};
use crate::values::Time;

/// The people of the source. Of an import: people without a link who have no sent mail and none that may have been sent,
/// or whose newest invitation has expired or ended.
pub(super) fn select(company: &Company, source: &Source, channel: Channel, at: Time) -> Selection {
    let Source::Import(id) = source else { return v2::select(company, source, channel, at) };
    let Some(import) = company.imports.get(id) else { return Selection::default() };
    let is_invited = |id| {
        company.users.get(id).is_some_and(|user| {
            let link = user.link(channel);
            let state = link.invitation.map(|newest| newest.state);
            let is_over =
                matches!(state, Some(InvitationState::Ended(_) | InvitationState::Expired));
            link.linked || (link.mailed && !is_over)
        })
    };
    let people = import.members.iter().copied().filter(|id| !is_invited(*id));
    Selection { picks: people.map(Pick::Known).collect(), duplicates_removed: 0 }
}
