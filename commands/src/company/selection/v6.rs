//! Version 6 of the list procedure. Frozen: a change would change the history of stored runs.
//!
//! A mail whose delivery was uncertain is no longer uncertain once a report says that it arrived.

use super::list::{Pick, Selection};
use super::v2;
use crate::company::Company;
use crate::event::{Channel, ResendFilter, Source};
use crate::values::Time;

/// The people of the source. A resend to uncertain people and a retry leave out those whose last mail has arrived.
pub(super) fn select(company: &Company, source: &Source, channel: Channel, at: Time) -> Selection {
    let mut selection = v2::select(company, source, channel, at);
    let by_last_mail = matches!(
        source,
        Source::Resend { filter: Some(ResendFilter::Uncertain), .. } | Source::FailedOf { .. }
    );
    if by_last_mail {
        let has_arrived = |pick: &Pick| {
            let Pick::Known(id) = pick else { return false };
            company.users.get(*id).is_some_and(|user| user.link(channel).arrived)
        };
        selection.picks.retain(|pick| !has_arrived(pick));
    }
    selection
}
