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
    /// While it goes on: its people whom another import has named since, and the row that did so first here.
    pub named_since: BTreeMap<UserId, u32>,
    /// While it goes on and references are strict: whom its rows have created.
    pub created: BTreeSet<UserId>,
    /// Whom to invite once it is over, if that was asked: until the run for them is, or there is none.
    pub invites: Option<Invites>,
    /// Whom its rows created, in their order: until then, where only these are to be invited.
    pub invitees: Vec<UserId>,
    /// Where all its people belong, if the command says so.
    pub placing: Option<Placing>,
    /// The link in the mail to the administrator, if one went out.
    pub link: Option<ImportLink>,
    /// The address of whoever asked for it, if that is one.
    pub starter: Option<Box<str>>,
}

/// The link that invites the people of an import: good once, for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportLink {
    pub expires_at: Time,
    pub used: bool,
}

/// Who is to be invited with an import, and where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invites {
    pub channel: Channel,
    /// Only those whom the import creates (OC-13).
    pub created_only: bool,
}

/// Where all people of an import belong (ML-04, ML-05).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placing {
    pub organization: String,
    pub permission_group: String,
}

impl ImportState {
    /// The run for its people is asked for, or there is none.
    pub(crate) fn settle_invites(&mut self) {
        self.invites = None;
        self.invitees = Vec::new();
    }

    /// Takes note of a row's outcome: whom it created is the person it has just named.
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
    /// Nobody asked for it: the import stands.
    #[default]
    No,
    /// The number of the last row that has an outcome, and the counts so far.
    Going {
        rows_done: u64,
        counts: UndoCounts,
    },
    Done,
}
