//! One import: its file, its options, how far it is, and what follows when it is over.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::user_id::UserId;
use super::users::User;
use crate::event::{Channel, Counts, FileRef, ImportOptions, RowOutcome, UndoCounts};
use crate::values::Time;

/// One import: processing until its last row is applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportState {
    /// 1 for the company's first import: the mark by which a user knows the import it was last seen in.
    pub ordinal: u32,
    pub files: Vec<FileRef>,
    pub options: ImportOptions,
    pub completed: bool,
    pub undo: Undo,
    /// The number of the last data row that has an outcome.
    pub rows_done: u64,
    pub counts: Counts,
    /// The people its rows name, in the order of the rows, each once; created or not.
    pub members: Vec<UserId>,
    /// While it is open: its people that another import has named since, with the first row here.
    pub named_since: BTreeMap<UserId, u32>,
    /// While it is open and references are strict: the people that its rows have created.
    pub created: BTreeSet<UserId>,
    /// The invitations to request when it ends; `None` after that or if none are wanted.
    pub invites: Option<Invites>,
    /// The people that its rows created, in order, if only these will be invited.
    pub invitees: Vec<UserId>,
    /// Where all its people belong, if the command says so.
    pub placing: Option<Placing>,
    /// The link in the mail to the administrator, if one went out.
    pub link: Option<ImportLink>,
    /// The address of the actor who requested it, if the actor is an address.
    pub starter: Option<Box<str>>,
}

/// The link that invites the people of an import: good once, for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportLink {
    pub expires_at: Time,
    pub used: bool,
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
    /// Ends the request for invitations: the run is requested, or there is none.
    pub(crate) fn settle_invites(&mut self) {
        self.invites = None;
        self.invitees = Vec::new();
    }

    /// Records the outcome of a row. A created person is the last member.
    pub(crate) fn note_created(&mut self, outcome: RowOutcome) {
        if outcome == RowOutcome::Created && self.invites.is_some_and(|one| one.created_only) {
            self.invitees.extend(self.members.last());
        }
    }

    /// The row that named the person first, if one did.
    pub fn row_of(&self, id: UserId, user: &User) -> Option<u32> {
        let (ordinal, row) = user.seen;
        if ordinal == self.ordinal { Some(row) } else { self.named_since.get(&id).copied() }
    }
}

/// How far the undoing of an import is.
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
