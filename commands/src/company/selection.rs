//! The people of a run, listed from its source. Each version of the list procedure is frozen.

mod list;
mod v1;

pub use list::{Pick, Selection};

use super::state::Company;
use super::users::User;
use crate::event::{Channel, Source};
use crate::values::UserKey;

/// A version of the procedure that lists the people of a source.
///
/// The fold of `RunRequested` lists the people again. A changed procedure would change the lists of old runs.
/// So a change is a new version: add it here, store its number with the event, and leave the old version alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectionVersion {
    V1,
}

impl SelectionVersion {
    /// For runs that are requested now.
    pub const CURRENT: Self = Self::V1;
    /// For a `RunRequested` event that stores no version.
    pub const UNVERSIONED: Self = Self::V1;
}

impl Company {
    /// Lists the people of a source. The same state and version always give the same list.
    ///
    /// Whether a run may be requested for this source is the rule's concern, not the list's.
    pub fn select(
        &self,
        version: SelectionVersion,
        source: &Source,
        channel: Channel,
    ) -> Selection {
        match version {
            SelectionVersion::V1 => v1::select(self, source, channel),
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
