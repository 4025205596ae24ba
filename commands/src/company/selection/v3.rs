//! Version 3 of the list procedure. Frozen: a change would change the history of stored runs.
//!
//! An import lists only its people who were not invited on the channel yet.

use super::list::{Pick, Selection};
use super::v2;
use crate::company::Company;
use crate::event::{Channel, Source};
use crate::values::Time;

/// The people of the source. Of an import: people without a link who have no sent mail, and none that may have been sent.
pub(super) fn select(company: &Company, source: &Source, channel: Channel, at: Time) -> Selection {
    let Source::Import(id) = source else { return v2::select(company, source, channel, at) };
    let Some(import) = company.imports.get(id) else { return Selection::default() };
    let was_invited = |id| {
        company.users.get(id).is_some_and(|user| {
            let link = user.link(channel);
            link.linked || link.mailed
        })
    };
    let people = import.members.iter().copied().filter(|id| !was_invited(*id));
    Selection { picks: people.map(Pick::Known).collect(), duplicates_removed: 0 }
}
