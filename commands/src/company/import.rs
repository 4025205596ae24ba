//! The state of an import: its file and options, its progress, and the invitations after its end.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::user_id::UserId;
use super::users::User;
use crate::event::{Channel, Counts, FileRef, ImportOptions, RowOutcome, UndoCounts};
use crate::values::{Code, Personal, Time};

/// The state of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportState {
    /// The number of the import in the company, from 1. A user stores the number of the last import that named it.
    pub ordinal: u32,
    /// The number of the company's last run before the import; 0 if there was none.
    pub runs_before: u32,
    pub files: Vec<FileRef>,
    pub options: ImportOptions,
    pub completed: bool,
    pub undo: Undo,
    /// The number of the last data row that has an outcome.
    pub rows_done: u64,
    pub counts: Counts,
    /// The people that the rows name, in the order of the rows. Each person is listed once, also if not created.
    pub members: Vec<UserId>,
    /// While the import is open: its people that another import named later, each with its first row in this import.
    pub named_since: BTreeMap<UserId, u32>,
    /// While the import is open: its people whose first row was invalid, each with the row that took the key later.
    pub key_rows: BTreeMap<UserId, Option<u32>>,
    /// While the import is open: the people that its rows deactivated or archived.
    pub left: BTreeSet<UserId>,
    /// The people that its rows created. Recorded only while the import is open, and only with strict references.
    pub created: BTreeSet<UserId>,
    /// The invitations to request at the end of the import. None after that, or if no invitations are requested.
    pub invites: Option<Invites>,
    /// The people that its rows created, in order, if only these will be invited.
    pub invitees: Vec<UserId>,
    /// The organization and permission group of all its people, if the command names them.
    pub placing: Option<Placing>,
    /// Why its run was refused, if it was.
    pub invites_refused: Option<Code>,
    /// The link in the mail to the administrator, if such a mail was requested.
    pub link: Option<ImportLink>,
    /// The address that the newest link was mailed to: the actor of what is done with the link.
    pub link_to: Option<Personal<String>>,
    /// The actor who requested the import, if the actor is an e-mail address.
    pub starter: Option<Box<str>>,
}

/// The link that invites the people of an import. It works once, until it expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportLink {
    pub expires_at: Time,
    pub used: bool,
    /// Counts the links of the import, from 1. A newer link replaces the older ones.
    pub generation: u32,
}

/// The invitations that follow an import: the channel and the people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invites {
    pub channel: Channel,
    /// Only the people that the import creates.
    pub created_only: bool,
}

/// The organization and the permission group of all people of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placing {
    pub organization: String,
    pub permission_group: String,
}

impl ImportState {
    /// Forgets the requested invitations, because their run was requested or refused.
    pub(crate) fn settle_invites(&mut self) {
        self.invites = None;
        self.invitees = Vec::new();
    }

    /// Whether the people that its rows create are to be invited, and only these.
    pub(crate) fn invites_created(&self) -> bool {
        self.invites.is_some_and(|one| one.created_only)
    }

    /// Records which row takes the key of a person: the first one that is valid.
    pub(crate) fn note_key_row(&mut self, id: UserId, user: &User, outcome: RowOutcome, row: u64) {
        let row = u32::try_from(row).unwrap_or(u32::MAX);
        if outcome != RowOutcome::Invalid {
            if let Some(key_row @ None) = self.key_rows.get_mut(&id) {
                *key_row = Some(row);
            }
        } else if self.row_of(id, user) == Some(row) {
            self.key_rows.insert(id, None);
        }
    }

    /// The row that has the key of the person, if one has. An invalid row has no key.
    pub fn key_row(&self, id: UserId, user: &User) -> Option<u32> {
        self.key_rows.get(&id).copied().unwrap_or_else(|| self.row_of(id, user))
    }

    /// The row that named the person first, if one did.
    pub fn row_of(&self, id: UserId, user: &User) -> Option<u32> {
        let (ordinal, row) = user.seen;
        if ordinal == self.ordinal { Some(row) } else { self.named_since.get(&id).copied() }
    }
}

/// An archive whose pictures do not all have an outcome yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPictures {
    pub file: FileRef,
    pub match_attribute: String,
    pub total: u64,
    /// The number of the last picture that has an outcome.
    pub done: u64,
    /// The users who got a picture of the archive: a second one is invalid.
    pub(crate) users: BTreeSet<UserId>,
    /// The digests of the pictures that these users had before.
    pub replaced: BTreeSet<Box<str>>,
}

/// The progress of the undo of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// No undo was requested.
    #[default]
    No,
    /// The number of the last row that has an outcome, and the counts so far.
    Going {
        rows_done: u64,
        counts: UndoCounts,
    },
    Done,
}
