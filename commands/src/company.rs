//! `Company`: the state that a company's commands are decided from, folded from its events alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::commit::Commit;
use crate::dialect::{self, Dialect};
use crate::event::{
    Channel, Counts, Event, FileRef, ImportOptions, Permission, RowOutcome, TemplateKind,
    UndoCounts,
};
use crate::lock::Lock;
use crate::settings::{LiveInvitation, Settings};
use crate::values::{CompanyId, ImportId, InvitationId, Phone, RunId, Time, fold};

pub mod effects;
pub mod filter;
mod fold;
pub mod holders;
pub mod notification;
pub mod numbers;
pub mod reminders;
pub mod run;
pub mod selection;
pub mod users;
pub mod wording;

pub use effects::{Effects, RowEffect, Standing};
pub use holders::ValueMark;
pub use notification::{Addressee, Notice, Notification};
pub use numbers::{Number, NumberState, Numbers, Stock};
pub use reminders::Reminders;
pub use run::{AddressMark, Recipient, RecipientState, Run, RunState};
pub use users::{Invitation, InvitationState, Link, User, UserId, UserState, Users};
pub use wording::{OwnTemplate, Template};

/// One company as its events left it. Made by [`Company::apply`] only; never edited by a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Company {
    pub id: CompanyId,
    /// The version of the last event; 0 before the first.
    pub version: u64,
    pub settings: Settings,
    pub templates: BTreeMap<(TemplateKind, String), OwnTemplate>,
    pub org_units: BTreeMap<String, OrgUnit>,
    /// Role → the permissions it carries.
    pub roles: BTreeMap<String, Vec<String>>,
    /// Group of user permissions → what its accounts may do.
    pub permission_groups: BTreeMap<String, Vec<String>>,
    pub grants: Grants,
    pub users: Users,
    /// Corporate phone → its user.
    pub phones: BTreeMap<Phone, UserId>,
    pub numbers: Numbers,
    pub imports: BTreeMap<ImportId, Import>,
    /// Imports that were accepted and have rows to come.
    pub open_imports: BTreeSet<ImportId>,
    /// Imports that are being undone.
    pub undoing: BTreeSet<ImportId>,
    /// The import that was completed last, of those that were not undone.
    pub latest_import: Option<ImportId>,
    pub runs: BTreeMap<RunId, Run>,
    /// Runs whose list of recipients goes on in further commits.
    pub listing: BTreeSet<RunId>,
    pub lock: Lock,
    /// Runs that wait for their time, not for the lock.
    pub scheduled: BTreeSet<RunId>,
    pub invitations: BTreeMap<InvitationId, (UserId, Channel)>,
    /// Live invitations by the time they end.
    pub expiring: BTreeSet<(Time, InvitationId)>,
    /// Message-IDs that a worker chose itself, to the recipient they reached.
    pub foreign_messages: BTreeMap<String, (RunId, u32)>,
    /// Marks of the addresses that bounced for good or complained.
    pub suppressed: BTreeSet<AddressMark>,
    pub notifications: BTreeMap<String, Notification>,
    /// Whom to remind of an open invitation, and when.
    pub reminders: Reminders,
    /// Invitations that expired and are to be told of.
    pub expired: Option<notification::Expired>,
    /// Archives of pictures that were imported.
    pub picture_imports: BTreeSet<ImportId>,
    /// How often somebody was given a picture.
    pub(crate) pictures: BTreeMap<UserId, u32>,
    /// Who has a value that no two people share.
    pub(crate) holders: BTreeMap<ValueMark, UserId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgUnit {
    pub parent: Option<String>,
    /// `team` is the lowest level.
    pub level: Option<String>,
    pub roles: Vec<String>,
}

/// Who may do what. As long as nobody was granted anything, everybody may do everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Grants {
    enforced: bool,
    by_actor: BTreeMap<String, BTreeSet<Permission>>,
}

impl Grants {
    pub fn allows(&self, actor: &str, permission: Permission) -> bool {
        !self.enforced
            || self.by_actor.get(&fold(actor)).is_some_and(|held| held.contains(&permission))
    }

    /// Whether permissions are enforced: from the first grant on.
    pub fn enforced(&self) -> bool {
        self.enforced
    }

    pub fn held(&self, actor: &str) -> impl Iterator<Item = Permission> + '_ {
        self.by_actor.get(&fold(actor)).into_iter().flatten().copied()
    }

    pub(crate) fn grant(&mut self, actor: &str, permissions: &[Permission]) {
        self.enforced = true;
        self.by_actor.entry(fold(actor)).or_default().extend(permissions);
    }

    pub(crate) fn revoke(&mut self, actor: &str, permissions: &[Permission]) {
        if let Some(held) = self.by_actor.get_mut(&fold(actor)) {
            held.retain(|permission| !permissions.contains(permission));
        }
    }
}

/// One import: processing until its last row is applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
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

impl Import {
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

/// Sees the state of a company before and after each event of a commit.
pub(crate) trait Observer<'c> {
    fn before(&mut self, company: &Company, event: &'c Event);
    fn after(&mut self, company: &Company, event: &'c Event);
}

struct Unobserved;

impl Observer<'_> for Unobserved {
    fn before(&mut self, _: &Company, _: &Event) {}
    fn after(&mut self, _: &Company, _: &Event) {}
}

impl Company {
    /// A company before its first event.
    pub fn new(id: CompanyId) -> Self {
        let settings = Settings::default();
        let mut numbers = Numbers::default();
        numbers.set_threshold(settings.number_threshold_percent);
        Self {
            id,
            version: 0,
            settings,
            templates: BTreeMap::new(),
            org_units: BTreeMap::new(),
            roles: BTreeMap::new(),
            permission_groups: BTreeMap::new(),
            grants: Grants::default(),
            users: Users::default(),
            phones: BTreeMap::new(),
            numbers,
            imports: BTreeMap::new(),
            open_imports: BTreeSet::new(),
            undoing: BTreeSet::new(),
            latest_import: None,
            runs: BTreeMap::new(),
            listing: BTreeSet::new(),
            lock: Lock::default(),
            scheduled: BTreeSet::new(),
            invitations: BTreeMap::new(),
            expiring: BTreeSet::new(),
            foreign_messages: BTreeMap::new(),
            suppressed: BTreeSet::new(),
            notifications: BTreeMap::new(),
            reminders: Reminders::default(),
            expired: None,
            picture_imports: BTreeSet::new(),
            pictures: BTreeMap::new(),
            holders: BTreeMap::new(),
        }
    }

    /// Folds the next commit into the state. This is the only way to change a company.
    pub fn apply(&mut self, commit: &Commit) {
        self.fold(commit.at, &commit.actor, &commit.events, &mut Unobserved);
    }

    /// Folds the next commit, and shows the state before and after each of its events.
    pub(crate) fn apply_observed<'c>(
        &mut self,
        commit: &'c Commit,
        observer: &mut impl Observer<'c>,
    ) {
        self.fold(commit.at, &commit.actor, &commit.events, observer);
    }

    /// A copy of the company, changed by the events of a commit that does not exist.
    pub(crate) fn after(&self, at: Time, actor: &str, events: &[Event]) -> Self {
        let mut company = self.clone();
        company.fold(at, actor, events, &mut Unobserved);
        company
    }

    fn fold<'c>(
        &mut self,
        at: Time,
        actor: &str,
        events: &'c [Event],
        observer: &mut impl Observer<'c>,
    ) {
        for event in events {
            observer.before(self, event);
            self.evolve(at, event);
            self.note_starter(actor, event);
            observer.after(self, event);
        }
        self.numbers.look();
    }

    /// The corporate phone of a user: the one on record if it is listed, else the one listed first.
    pub fn corporate_phone(&self, user: UserId) -> Option<Phone> {
        let user = self.users.get(user)?;
        let own = user.phone.filter(|phone| user.listed().contains(phone));
        own.or_else(|| user.listed().first().copied())
    }

    /// Whether the person can be invited only with a corporate phone (LX-28): the product says so whose file
    /// named the person last, and without one it is so. An account has a number of the pool instead, now or
    /// once it is activated.
    pub fn needs_corporate_phone(&self, id: UserId, user: &User) -> bool {
        if self.numbers.is_account(id) {
            return false;
        }
        self.dialect_of(user).is_none_or(|dialect| dialect.needs_corporate_phone())
    }

    /// Whether somebody whose link still lives is sent another, and the link before it dies (A11).
    pub fn supersedes_live_invitation(&self, user: &User) -> bool {
        match self.settings.live_invitation {
            LiveInvitation::Supersede => true,
            LiveInvitation::Skip => false,
            LiveInvitation::ByDialect => {
                self.dialect_of(user).is_none_or(|dialect| dialect.supersedes_live_invitation())
            }
        }
    }

    /// The dialect of the file that named the person last.
    fn dialect_of(&self, user: &User) -> Option<&'static dyn Dialect> {
        // It is most often among the newest.
        let mut newest = self.imports.values().rev();
        let last = newest.find(|import| import.ordinal == user.seen.0)?;
        dialect::find(&last.options.dialect)
    }

    /// Whether mail to this address bounced for good or was complained about.
    pub fn is_suppressed(&self, email: &str) -> bool {
        self.suppressed.contains(&AddressMark::of(email))
    }

    /// Whether a role that the org unit includes carries `bulk_integration` (LX-18).
    pub fn may_integrate(&self, unit: &OrgUnit) -> bool {
        let carries = |role: &String| {
            self.roles.get(role).is_some_and(|held| held.iter().any(|one| one == BULK_INTEGRATION))
        };
        unit.roles.iter().any(carries)
    }
}

/// The role permission that lets an org unit be selected for a run.
pub const BULK_INTEGRATION: &str = "bulk_integration";
