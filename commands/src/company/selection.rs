//! The people of a run, listed from its source. Each version of the list procedure is frozen.

mod list;
mod v1;
mod v2;
mod v3;
mod v4;
mod v5;
mod v6;

pub use list::{Pick, Selection};
pub(super) use v5::lacks_invitation;

use super::state::Company;
use super::users::User;
use crate::event::{Channel, Source};
use crate::values::{Time, UserKey};

/// A version of the procedure that lists the people of a source.
///
/// The fold of `RunRequested` lists the people again. A changed procedure would change the lists of old runs.
/// So a change is a new version: add it here, store its number with the event, and leave the old version alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectionVersion {
    V1,
    V2,
    /// Of an import only those who were not invited yet.
    V3,
    /// Of an import those without an invitation, and those whose link has expired or ended.
    V4,
    /// Of an import those without a working invitation.
    V5,
    /// Without the people whose uncertain mail has arrived.
    V6,
}

impl SelectionVersion {
    /// For runs that are requested now.
    pub const CURRENT: Self = Self::V6;
    /// For runs that the link of an import starts now.
    pub const OF_LINK: Self = Self::V5;

    /// The version that a `RunRequested` event stores. None means version 1.
    pub fn of_event(stored: Option<u32>) -> Self {
        match stored {
            None => Self::V1,
            Some(0..=2) => Self::V2,
            Some(3) => Self::V3,
            Some(4) => Self::V4,
            Some(5) => Self::V5,
            Some(_) => Self::V6,
        }
    }

    /// What `RunRequested` stores of this version. Nothing for a source that all versions list alike.
    pub fn stored(self, source: &Source) -> Option<u32> {
        let differs =
            matches!(source, Source::Resend { filter: Some(_), .. } | Source::FailedOf { .. });
        match self {
            Self::V3 => Some(3),
            Self::V4 => Some(4),
            Self::V5 => Some(5),
            Self::V2 if differs => Some(2),
            Self::V6 if differs => Some(6),
            Self::V1 | Self::V2 | Self::V6 => None,
        }
    }
}

impl Company {
    /// Lists the people of a source at a time. The same state, version and time always give the same list.
    ///
    /// Whether a run may be requested for this source is the rule's concern, not the list's.
    pub fn select(
        &self,
        version: SelectionVersion,
        source: &Source,
        channel: Channel,
        at: Time,
    ) -> Selection {
        match version {
            SelectionVersion::V1 => v1::select(self, source, channel),
            SelectionVersion::V2 => v2::select(self, source, channel, at),
            SelectionVersion::V3 => v3::select(self, source, channel, at),
            SelectionVersion::V4 => v4::select(self, source, channel, at),
            SelectionVersion::V5 => v5::select(self, source, channel, at),
            SelectionVersion::V6 => v6::select(self, source, channel, at),
        }
    }

    /// The key of a selected person.
    pub fn key_of(&self, pick: &Pick) -> UserKey {
        match pick {
            Pick::Known(id) => self.users.get(*id).map_or_else(|| UserKey::new(""), User::key),
            Pick::New(key) => key.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ResendFilter;

    #[test]
    fn run_stores_its_version_where_the_lists_differ() {
        let filter = Some(ResendFilter::Expired);
        let resend = Source::Resend { users: vec![], filter };
        let named = Source::Users(vec![]);
        use SelectionVersion::{V1, V2, V3, V4, V5, V6};
        for (version, of_named, of_resend) in [
            (V1, None, None),
            (V2, None, Some(2)),
            (V3, Some(3), Some(3)),
            (V4, Some(4), Some(4)),
            (V5, Some(5), Some(5)),
            (V6, None, Some(6)),
        ] {
            let stored = (version.stored(&named), version.stored(&resend));
            assert_eq!(stored, (of_named, of_resend), "{version:?}");
        }
    }
}
