//! The state of one company: its settings, users, numbers, imports, runs, invitations and mails.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::access_tokens::AccessTokens;
use super::bindings::Bindings;
use super::grants::Grants;
use super::import::{ImportState, OpenPictures, Undo};
use super::link_ends::LinkEnds;
use super::notification::{DeferredNotifications, Expired, Notification};
use super::numbers::Numbers;
use super::own_template::OwnTemplate;
use super::reminders::Reminders;
use super::run::{AddressMark, Run};
use super::user_id::UserId;
use super::users::Users;
use super::value_mark::ValueMark;
use crate::event::{Channel, HandedTo, MailKind, Permission};
use crate::lock::Lock;
use crate::settings::Settings;
use crate::values::{Code, CompanyId, ImportId, InvitationId, Phone, Refusal, RunId};

/// One company as its events left it. Made by [`Company::apply`] only; never edited by a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Company {
    pub id: CompanyId,
    /// The version of the last event; 0 before the first.
    pub version: u64,
    pub settings: Settings,
    pub templates: BTreeMap<(MailKind, String), OwnTemplate>,
    pub org_units: BTreeMap<String, OrgUnit>,
    /// Role → the permissions it carries.
    pub roles: BTreeMap<String, Vec<String>>,
    /// Group of user permissions → what its accounts may do.
    pub permission_groups: BTreeMap<String, Vec<String>>,
    pub grants: Grants,
    pub bindings: Bindings,
    pub access_tokens: AccessTokens,
    pub users: Users,
    /// Corporate phone → its user.
    pub phones: BTreeMap<Phone, UserId>,
    /// The corporate phones that no file added.
    pub by_hand: BTreeSet<Phone>,
    pub numbers: Numbers,
    pub imports: BTreeMap<ImportId, ImportState>,
    /// Imports that were accepted and have rows to come.
    pub open_imports: BTreeSet<ImportId>,
    /// Imports that are being undone.
    pub undoing: BTreeSet<ImportId>,
    /// The last completed import that was not undone.
    pub latest_import: Option<ImportId>,
    pub runs: BTreeMap<RunId, Run>,
    /// Runs whose list of recipients is not complete yet: further commits continue it.
    pub listing: BTreeSet<RunId>,
    pub lock: Lock,
    /// Runs that wait for their time, not for the lock.
    pub scheduled: BTreeSet<RunId>,
    pub invitations: BTreeMap<InvitationId, (UserId, Channel)>,
    /// Links that have not ended, by the time they expire.
    pub link_ends: LinkEnds,
    /// Message-IDs that a worker chose itself, to the recipient they reached.
    pub foreign_messages: BTreeMap<String, (RunId, u32)>,
    /// Marks of the addresses that bounced for good or complained.
    pub suppressed: BTreeSet<AddressMark>,
    pub notifications: BTreeMap<String, Notification>,
    /// Those that are tried again later.
    pub deferred_notifications: DeferredNotifications,
    /// The transports that got the notifications without a report: of mails, and of texts.
    pub(crate) notification_transports: Option<(HandedTo, Option<HandedTo>)>,
    /// Those that were not sent, or perhaps not. They can be sent again by request.
    pub failed_notifications: BTreeMap<String, Notification>,
    /// The people to remind of an open invitation, and when.
    pub reminders: Reminders,
    /// Expired invitations that administrators will be notified of.
    pub expired: Option<Expired>,
    /// Archives of pictures that were imported.
    pub picture_imports: BTreeSet<ImportId>,
    /// Those of them whose pictures do not all have an outcome yet.
    pub open_pictures: BTreeMap<ImportId, OpenPictures>,
    /// How often each user's picture was set or removed.
    pub(crate) pictures: BTreeMap<UserId, u32>,
    /// The SHA-256 of the picture that each user has now.
    pub(crate) portraits: BTreeMap<UserId, Box<str>>,
    /// Who has a value that no two people share.
    pub(crate) holders: BTreeMap<ValueMark, UserId>,
    /// The accounts that have another address than their key, by that address.
    pub(crate) readdressed: BTreeSet<(AddressMark, UserId)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgUnit {
    pub parent: Option<String>,
    /// `team` is the lowest level.
    pub level: Option<String>,
    pub roles: Vec<String>,
    /// The permission group of accounts that move to the unit. None: each keeps its own.
    pub default_permission_group: Option<String>,
}

impl Company {
    /// The import that a command names: by its id, or `latest`.
    ///
    /// # Errors
    /// `import.none_available`, `import.not_found`.
    pub(crate) fn import_named(&self, named: &str) -> Result<ImportId, Refusal> {
        match named {
            "latest" => self.latest_import.ok_or_else(|| self.no_latest_import()),
            id => id.parse().map_err(|_| Code::ImportNotFound.into()),
        }
    }

    /// The refusal of the word `latest`. It names the last import if that was undone.
    fn no_latest_import(&self) -> Refusal {
        let undone = self.imports.iter().filter(|(_, import)| import.undo == Undo::Done);
        let last = undone.max_by_key(|(_, import)| import.ordinal);
        let refusal = Refusal::new(Code::ImportNoneAvailable);
        match last {
            None => refusal,
            Some((id, _)) => refusal.worded(format!(
                "The company has no completed import; the last one, {id}, was undone."
            )),
        }
    }

    /// How many runs were requested so far. No run is ever removed.
    pub(crate) fn runs_requested(&self) -> u32 {
        u32::try_from(self.runs.len()).unwrap_or(u32::MAX)
    }

    /// Refuses an actor without the permission.
    ///
    /// # Errors
    /// `auth.permission_denied`, with the name of the permission.
    pub fn check_permission(&self, actor: &str, permission: Permission) -> Result<(), Refusal> {
        if self.grants.allows(actor, permission) {
            return Ok(());
        }
        let name = permission.as_str();
        Err(Refusal::new(Code::AuthPermissionDenied).saying(name).with(json!({"permission": name})))
    }

    /// Refuses an actor that the NATS user may not name. `actor` is none for a query that names none.
    ///
    /// # Errors
    /// `auth.actor_not_bound`, `auth.user_not_bound`.
    pub fn check_binding(
        &self,
        nats_user: Option<&str>,
        actor: Option<&str>,
    ) -> Result<(), Refusal> {
        self.bindings.check(nats_user, actor, self.settings.require_bound_users)
    }

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
            bindings: Bindings::default(),
            access_tokens: AccessTokens::default(),
            users: Users::default(),
            phones: BTreeMap::new(),
            by_hand: BTreeSet::new(),
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
            link_ends: LinkEnds::default(),
            foreign_messages: BTreeMap::new(),
            suppressed: BTreeSet::new(),
            notifications: BTreeMap::new(),
            deferred_notifications: DeferredNotifications::default(),
            notification_transports: None,
            failed_notifications: BTreeMap::new(),
            reminders: Reminders::default(),
            expired: None,
            picture_imports: BTreeSet::new(),
            open_pictures: BTreeMap::new(),
            pictures: BTreeMap::new(),
            portraits: BTreeMap::new(),
            holders: BTreeMap::new(),
            readdressed: BTreeSet::new(),
        }
    }

    /// The corporate phone of a user: the one on record if it is listed, else the one listed first.
    pub fn corporate_phone(&self, user: UserId) -> Option<Phone> {
        let user = self.users.get(user)?;
        let own = user.phone.filter(|phone| user.listed().contains(phone));
        own.or_else(|| user.listed().first().copied())
    }

    /// Whether a mail to this address bounced for good or was complained about.
    pub fn is_suppressed(&self, address: AddressMark) -> bool {
        self.suppressed.contains(&address)
    }

    /// Whether a role of the org unit has the permission `bulk_integration`.
    pub fn may_integrate(&self, unit: &OrgUnit) -> bool {
        let carries = |role: &String| {
            self.roles.get(role).is_some_and(|held| held.iter().any(|one| one == BULK_INTEGRATION))
        };
        unit.roles.iter().any(carries)
    }
}

/// The role permission that lets an org unit be selected for a run.
pub const BULK_INTEGRATION: &str = "bulk_integration";
