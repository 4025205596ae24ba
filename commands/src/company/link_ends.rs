//! Links that have not ended, by channel and by the time they expire.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::link::Invitation;
use crate::event::Channel;
use crate::values::{InvitationId, Time};

/// A link with the time it expires: the invitation and its generation.
type Entry = (Time, InvitationId, u32);

/// The links that have not ended. A link without a known end is not here: its mail is still being sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LinkEnds([BTreeSet<Entry>; Channel::ALL.len()]);

/// The entry of a link; none if the link has ended or its end is not known yet.
fn entry(invitation: &Invitation) -> Option<Entry> {
    let end = invitation.expires_at.filter(|_| invitation.is_open())?;
    Some((end, invitation.id, invitation.generation))
}

impl LinkEnds {
    pub(crate) fn add(&mut self, channel: Channel, invitation: &Invitation) {
        if let Some(entries) = self.0.get_mut(channel as usize) {
            entries.extend(entry(invitation));
        }
    }

    pub(crate) fn remove(&mut self, channel: Channel, invitation: &Invitation) {
        if let (Some(entries), Some(entry)) = (self.0.get_mut(channel as usize), entry(invitation))
        {
            entries.remove(&entry);
        }
    }

    /// The links that have expired at this time, the earliest of each channel first.
    pub fn over(&self, now: Time) -> impl Iterator<Item = (InvitationId, u32)> {
        let over = self
            .0
            .iter()
            .flat_map(move |entries| entries.iter().take_while(move |(end, ..)| *end <= now));
        over.map(|(_, id, generation)| (*id, *generation))
    }

    /// The links of a channel, the first to expire first.
    pub fn on(&self, channel: Channel) -> impl Iterator<Item = (InvitationId, u32)> {
        let entries = self.0.get(channel as usize).into_iter().flatten();
        entries.map(|(_, id, generation)| (*id, *generation))
    }

    /// When the next link expires.
    pub fn next(&self) -> Option<Time> {
        self.0.iter().filter_map(|entries| entries.first()).map(|(end, ..)| *end).min()
    }

    /// How many links have not ended.
    pub fn len(&self) -> usize {
        self.0.iter().map(BTreeSet::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(BTreeSet::is_empty)
    }
}
