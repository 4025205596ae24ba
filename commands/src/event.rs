//! Events: one fact about one thing each. Only ever added to; each stored form has a frozen golden file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::FirstMail;
use crate::values::{Code, ImportId, InvitationId, Personal, Phone, Problem, RunId, Time, UserKey};

/// The key of the person an event is about.
pub type Who = Personal<UserKey>;

/// A fact. Fields are stored in this order: add new ones at the end, with `#[serde(default)]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum Event {
    // The company's settings.
    CompanyConfigChanged {
        setting: String,
        value: serde_json::Value,
    },
    TemplateSet {
        #[schemars(with = "FirstMail")]
        kind: TemplateKind,
        language: String,
        subject: String,
        text: String,
        html: String,
    },
    OrgUnitDefined {
        org_unit: String,
        parent: Option<String>,
        level: Option<String>,
        roles: Vec<String>,
    },
    RoleDefined {
        role: String,
        permissions: Vec<String>,
    },
    PermissionsGranted {
        actor: Personal<String>,
        permissions: Vec<Permission>,
    },
    PermissionsRevoked {
        actor: Personal<String>,
        permissions: Vec<Permission>,
    },
    PermissionGroupDefined {
        permission_group: String,
        permissions: Vec<String>,
    },

    // Users. `row` names the row of a file that led to it.
    UserCreated {
        user: Who,
        person: Personal<Person>,
        org_unit: Option<String>,
        roles: Vec<String>,
        active: bool,
        row: Option<RowRef>,
    },
    /// The user's values after the change; `changed` names what differs.
    UserUpdated {
        user: Who,
        person: Personal<Person>,
        org_unit: Option<String>,
        roles: Vec<String>,
        changed: Vec<String>,
        row: Option<RowRef>,
    },
    UserActivated {
        user: Who,
        row: Option<RowRef>,
    },
    UserDeactivated {
        user: Who,
        row: Option<RowRef>,
    },
    UserArchived {
        user: Who,
    },
    UserRestored {
        user: Who,
    },
    RolesAssigned {
        user: Who,
        roles: Vec<String>,
    },
    RolesRemoved {
        user: Who,
        roles: Vec<String>,
    },
    /// The person was taken out as if never created: the import that did it was undone.
    UserRemoved {
        user: Who,
    },

    // The corporate phone list.
    CorporatePhoneAdded {
        phone: Personal<Phone>,
        user: Who,
        import: Option<ImportId>,
    },
    CorporatePhoneRemoved {
        phone: Personal<Phone>,
        user: Who,
    },

    // The number pool. `org_unit` says whose a number is; none is the company's own stock.
    NumberAdded {
        number: Personal<Phone>,
        org_unit: Option<String>,
    },
    NumberReserved {
        number: Personal<Phone>,
        tag: String,
    },
    NumberUnreserved {
        number: Personal<Phone>,
    },
    NumberAllocated {
        number: Personal<Phone>,
        org_unit: String,
    },
    /// Back to the organization above.
    NumberWithdrawn {
        number: Personal<Phone>,
        org_unit: Option<String>,
    },
    NumberAssigned {
        number: Personal<Phone>,
        user: Who,
        import: Option<ImportId>,
    },
    /// The account of the number was activated.
    NumberRegistered {
        number: Personal<Phone>,
        user: Who,
    },
    /// Available again, at once or when it has cooled down.
    NumberReleased {
        number: Personal<Phone>,
        user: Who,
        cooling_until: Option<Time>,
    },
    NumberCooled {
        number: Personal<Phone>,
    },
    /// The user is an account that takes its number from the pool.
    AccountOpened {
        user: Who,
        import: Option<ImportId>,
    },

    // Imports.
    ImportAccepted {
        import: ImportId,
        files: Vec<FileRef>,
        options: ImportOptions,
        total: u64,
        warnings: Vec<Problem>,
    },
    RowUnchanged {
        user: Who,
        row: RowRef,
    },
    /// A row that changed nothing because of `problems`; its key where it has one.
    RowRefused {
        user: Option<Who>,
        row: RowRef,
        outcome: RowOutcome,
        problems: Vec<Problem>,
    },
    WelcomeEmailRequested {
        user: Who,
        import: ImportId,
        row: u64,
    },
    ImportCompleted {
        import: ImportId,
        counts: Counts,
    },
    ImportUndoStarted {
        import: ImportId,
    },
    /// What came of undoing a row that had changed something; `code` says why it was not reversed.
    RowUndone {
        import: ImportId,
        row: u64,
        user: Who,
        outcome: UndoOutcome,
        code: Option<Code>,
    },
    ImportUndone {
        import: ImportId,
        counts: UndoCounts,
    },
    /// The people of the import are to be invited once its last row is applied: by a run of the import's id.
    ImportInvitesRequested {
        import: ImportId,
        channel: Channel,
        /// Only those whom the import creates (OC-13).
        created_only: bool,
    },
    /// Why no run was requested when the import was over.
    ImportInvitesRefused {
        import: ImportId,
        problem: Problem,
    },
    /// Where the people of an import belong: chosen in the command, not in the file.
    ImportPlaced {
        import: ImportId,
        organization: String,
        permission_group: String,
    },
    /// The network's administrator is to be told of the import, with a link that invites its people (OC-14).
    ImportNotificationRequested {
        import: ImportId,
        email: Personal<String>,
        /// When the link ends.
        expires_at: Time,
    },
    /// The link was followed: it has asked for this run, and is used up.
    ImportLinkUsed {
        import: ImportId,
        run: RunId,
    },

    // Profile pictures.
    /// An archive of pictures; what became of each follows.
    PicturesImported {
        import: ImportId,
        file: FileRef,
        /// What the pictures' names were compared with.
        match_attribute: String,
        inserted: u64,
        invalid: u64,
    },
    /// It takes the place of the picture that the person had.
    PictureInserted {
        import: ImportId,
        /// The picture's number in its archive, from 1.
        number: u64,
        name: Personal<String>,
        user: Who,
        /// SHA-256 of the picture, 64 hexadecimal digits: it is kept under it.
        sha256: String,
        bytes: u64,
        format: PictureFormat,
    },
    PictureRefused {
        import: ImportId,
        number: u64,
        name: Personal<String>,
        code: Code,
    },

    // Runs.
    RunRequested {
        run: RunId,
        channel: Channel,
        source: Source,
        total: u64,
        duplicates_removed: u64,
        not_before: Option<Time>,
    },
    RecipientQueued {
        run: RunId,
        user: Who,
    },
    RunScheduled {
        run: RunId,
        not_before: Time,
    },
    RunQueued {
        run: RunId,
    },
    RunStarted {
        run: RunId,
    },
    RunCompleted {
        run: RunId,
        passed: u64,
        skipped: u64,
        failed: u64,
    },
    RunWithdrawn {
        run: RunId,
    },

    // Recipients of a run.
    /// The claim, durable before anything is sent.
    InviteDispatched {
        run: RunId,
        user: Who,
        attempt: u32,
        invitation: InvitationId,
        generation: u32,
        email: Personal<String>,
        message_id: String,
        /// The channel it was handed to, by name; empty where a worker outside had no claim of ours.
        #[serde(default)]
        via: String,
        /// The wording in force at the claim, which is that of the mail (ML-03); none where a worker outside
        /// had no claim of ours.
        #[serde(default)]
        template: Option<Wording>,
    },
    /// A temporary failure was reported; the recipient waits until `retry_at`.
    InviteDeferred {
        run: RunId,
        user: Who,
        attempt: u32,
        code: Code,
        detail: Option<String>,
        retry_at: Time,
    },
    InviteSent {
        run: RunId,
        user: Who,
        attempt: u32,
        message_id: String,
        expires_at: Time,
    },
    UserSkipped {
        run: RunId,
        user: Who,
        code: Code,
        detail: Option<String>,
    },
    InviteFailed {
        run: RunId,
        user: Who,
        attempt: u32,
        code: Code,
        detail: Option<String>,
    },

    // Invitations and links.
    UserLinked {
        user: Who,
        channel: Channel,
        invitation: Option<InvitationId>,
    },
    UserUnlinked {
        user: Who,
        channel: Channel,
    },
    InvitationExpired {
        user: Who,
        channel: Channel,
        invitation: InvitationId,
        generation: u32,
    },
    InvitationRevoked {
        user: Who,
        channel: Channel,
        invitation: InvitationId,
        generation: u32,
    },
    DeliveryRecorded {
        run: RunId,
        user: Who,
        message_id: String,
        delivery: Delivery,
        code: Option<String>,
    },

    // Mails that are not invitations; `key` is unique for each.
    NotificationDispatched {
        key: String,
        user: Who,
        email: Personal<String>,
        message_id: String,
    },
    NotificationSent {
        key: String,
    },
    NotificationFailed {
        key: String,
        code: Code,
        detail: Option<String>,
    },
    /// The company's own wording of a mail that is neither an invitation nor a welcome mail.
    NoticeTemplateSet {
        kind: TemplateKind,
        language: String,
        subject: String,
        text: String,
        html: String,
    },
    /// Such a mail is to go out, once.
    NotificationRequested {
        kind: TemplateKind,
        key: String,
        to: MailTo,
        about: Topic,
    },
}

impl Event {
    /// The event's name on the wire: the variant's.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CompanyConfigChanged { .. } => "CompanyConfigChanged",
            Self::TemplateSet { .. } => "TemplateSet",
            Self::OrgUnitDefined { .. } => "OrgUnitDefined",
            Self::RoleDefined { .. } => "RoleDefined",
            Self::PermissionsGranted { .. } => "PermissionsGranted",
            Self::PermissionsRevoked { .. } => "PermissionsRevoked",
            Self::PermissionGroupDefined { .. } => "PermissionGroupDefined",
            Self::UserCreated { .. } => "UserCreated",
            Self::UserUpdated { .. } => "UserUpdated",
            Self::UserActivated { .. } => "UserActivated",
            Self::UserDeactivated { .. } => "UserDeactivated",
            Self::UserArchived { .. } => "UserArchived",
            Self::UserRestored { .. } => "UserRestored",
            Self::RolesAssigned { .. } => "RolesAssigned",
            Self::RolesRemoved { .. } => "RolesRemoved",
            Self::UserRemoved { .. } => "UserRemoved",
            Self::CorporatePhoneAdded { .. } => "CorporatePhoneAdded",
            Self::CorporatePhoneRemoved { .. } => "CorporatePhoneRemoved",
            Self::NumberAdded { .. } => "NumberAdded",
            Self::NumberReserved { .. } => "NumberReserved",
            Self::NumberUnreserved { .. } => "NumberUnreserved",
            Self::NumberAllocated { .. } => "NumberAllocated",
            Self::NumberWithdrawn { .. } => "NumberWithdrawn",
            Self::NumberAssigned { .. } => "NumberAssigned",
            Self::NumberRegistered { .. } => "NumberRegistered",
            Self::NumberReleased { .. } => "NumberReleased",
            Self::NumberCooled { .. } => "NumberCooled",
            Self::AccountOpened { .. } => "AccountOpened",
            Self::ImportAccepted { .. } => "ImportAccepted",
            Self::RowUnchanged { .. } => "RowUnchanged",
            Self::RowRefused { .. } => "RowRefused",
            Self::WelcomeEmailRequested { .. } => "WelcomeEmailRequested",
            Self::ImportCompleted { .. } => "ImportCompleted",
            Self::ImportUndoStarted { .. } => "ImportUndoStarted",
            Self::RowUndone { .. } => "RowUndone",
            Self::ImportUndone { .. } => "ImportUndone",
            Self::ImportInvitesRequested { .. } => "ImportInvitesRequested",
            Self::ImportInvitesRefused { .. } => "ImportInvitesRefused",
            Self::ImportPlaced { .. } => "ImportPlaced",
            Self::ImportNotificationRequested { .. } => "ImportNotificationRequested",
            Self::ImportLinkUsed { .. } => "ImportLinkUsed",
            Self::PicturesImported { .. } => "PicturesImported",
            Self::PictureInserted { .. } => "PictureInserted",
            Self::PictureRefused { .. } => "PictureRefused",
            Self::RunRequested { .. } => "RunRequested",
            Self::RecipientQueued { .. } => "RecipientQueued",
            Self::RunScheduled { .. } => "RunScheduled",
            Self::RunQueued { .. } => "RunQueued",
            Self::RunStarted { .. } => "RunStarted",
            Self::RunCompleted { .. } => "RunCompleted",
            Self::RunWithdrawn { .. } => "RunWithdrawn",
            Self::InviteDispatched { .. } => "InviteDispatched",
            Self::InviteDeferred { .. } => "InviteDeferred",
            Self::InviteSent { .. } => "InviteSent",
            Self::UserSkipped { .. } => "UserSkipped",
            Self::InviteFailed { .. } => "InviteFailed",
            Self::UserLinked { .. } => "UserLinked",
            Self::UserUnlinked { .. } => "UserUnlinked",
            Self::InvitationExpired { .. } => "InvitationExpired",
            Self::InvitationRevoked { .. } => "InvitationRevoked",
            Self::DeliveryRecorded { .. } => "DeliveryRecorded",
            Self::NotificationDispatched { .. } => "NotificationDispatched",
            Self::NotificationSent { .. } => "NotificationSent",
            Self::NotificationFailed { .. } => "NotificationFailed",
            Self::NotificationRequested { .. } => "NotificationRequested",
            Self::NoticeTemplateSet { .. } => "NoticeTemplateSet",
        }
    }
}

/// What is kept of a person beside the key: all of it personal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<Phone>,
    /// A dialect's own columns, by their normalised names.
    pub attributes: BTreeMap<String, String>,
}

impl Person {
    /// First and last name, as far as they are known.
    pub fn full_name(&self) -> String {
        let names = [&self.first_name, &self.last_name];
        names.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// A row of an imported file, as the event it led to names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RowRef {
    pub import: ImportId,
    /// The data row's number, from 1; the header, blank and note rows are not counted.
    pub row: u64,
    /// The physical line of the file on which the row begins, from 1.
    pub line: u64,
    /// What became of the row's phone, where phones were to be added.
    pub phone: Option<PhoneOutcome>,
    pub warnings: Vec<Problem>,
}

/// What became of a row's phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PhoneOutcome {
    Added,
    AlreadyPresent,
    Rejected(Code),
}

/// What became of a row: exactly one of these.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RowOutcome {
    Created,
    Updated,
    Unchanged,
    Activated,
    Deactivated,
    Skipped,
    Duplicate,
    Invalid,
}

/// How many rows came to which outcome; the outcomes add up to `total` once an import is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    pub total: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub activated: u64,
    pub deactivated: u64,
    pub skipped: u64,
    pub duplicate: u64,
    pub invalid: u64,
    /// Warnings on rows and on the file.
    pub warnings: u64,
    pub phones_added: u64,
    pub phones_failed: u64,
}

impl Counts {
    /// Counts one row with this outcome.
    pub fn add(&mut self, outcome: RowOutcome, row: &RowRef) {
        *match outcome {
            RowOutcome::Created => &mut self.created,
            RowOutcome::Updated => &mut self.updated,
            RowOutcome::Unchanged => &mut self.unchanged,
            RowOutcome::Activated => &mut self.activated,
            RowOutcome::Deactivated => &mut self.deactivated,
            RowOutcome::Skipped => &mut self.skipped,
            RowOutcome::Duplicate => &mut self.duplicate,
            RowOutcome::Invalid => &mut self.invalid,
        } += 1;
        self.warnings += row.warnings.len() as u64;
        match row.phone {
            Some(PhoneOutcome::Added) => self.phones_added += 1,
            Some(PhoneOutcome::Rejected(_)) => self.phones_failed += 1,
            Some(PhoneOutcome::AlreadyPresent) | None => {}
        }
    }

    /// Rows that have an outcome.
    pub fn done(&self) -> u64 {
        self.created
            + self.updated
            + self.unchanged
            + self.activated
            + self.deactivated
            + self.skipped
            + self.duplicate
            + self.invalid
    }
}

/// What came of undoing a row: exactly one of these.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum UndoOutcome {
    /// The person stands as before the row.
    Reversed,
    /// Something has happened to the person since; everything was left as it is.
    Kept,
    /// It could not be reversed; everything was left as it is.
    Errored,
}

/// How many rows of an undone import came to which outcome; rows that had changed nothing count nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct UndoCounts {
    pub reversed: u64,
    pub kept: u64,
    pub errored: u64,
}

impl UndoCounts {
    /// Counts one row with this outcome.
    pub fn add(&mut self, outcome: UndoOutcome) {
        *match outcome {
            UndoOutcome::Reversed => &mut self.reversed,
            UndoOutcome::Kept => &mut self.kept,
            UndoOutcome::Errored => &mut self.errored,
        } += 1;
    }
}

/// The row an event belongs to and its outcome, where it is the one event that says so.
impl Event {
    pub fn row(&self) -> Option<(RowOutcome, &RowRef)> {
        match self {
            Self::UserCreated { row, .. } => Some((RowOutcome::Created, row.as_ref()?)),
            Self::UserUpdated { row, .. } => Some((RowOutcome::Updated, row.as_ref()?)),
            Self::UserActivated { row, .. } => Some((RowOutcome::Activated, row.as_ref()?)),
            Self::UserDeactivated { row, .. } => Some((RowOutcome::Deactivated, row.as_ref()?)),
            Self::RowUnchanged { row, .. } => Some((RowOutcome::Unchanged, row)),
            Self::RowRefused { row, outcome, .. } => Some((*outcome, row)),
            _ => None,
        }
    }

    /// Whether the fate of an import's rows may depend on it: what runs and mails lead to bears on none.
    pub fn bears_on_imports(&self) -> bool {
        match self {
            Self::CompanyConfigChanged { .. }
            | Self::OrgUnitDefined { .. }
            | Self::RoleDefined { .. }
            | Self::PermissionsGranted { .. }
            | Self::PermissionsRevoked { .. }
            | Self::PermissionGroupDefined { .. }
            | Self::UserCreated { .. }
            | Self::UserUpdated { .. }
            | Self::UserActivated { .. }
            | Self::UserDeactivated { .. }
            | Self::UserArchived { .. }
            | Self::UserRestored { .. }
            | Self::RolesAssigned { .. }
            | Self::RolesRemoved { .. }
            | Self::UserRemoved { .. }
            | Self::CorporatePhoneAdded { .. }
            | Self::CorporatePhoneRemoved { .. }
            | Self::NumberAdded { .. }
            | Self::NumberReserved { .. }
            | Self::NumberUnreserved { .. }
            | Self::NumberAllocated { .. }
            | Self::NumberWithdrawn { .. }
            | Self::NumberAssigned { .. }
            | Self::NumberRegistered { .. }
            | Self::NumberReleased { .. }
            | Self::NumberCooled { .. }
            | Self::AccountOpened { .. }
            | Self::ImportAccepted { .. }
            | Self::RowUnchanged { .. }
            | Self::RowRefused { .. }
            | Self::ImportCompleted { .. }
            | Self::ImportUndoStarted { .. }
            | Self::RowUndone { .. }
            | Self::ImportUndone { .. }
            | Self::ImportPlaced { .. } => true,
            Self::TemplateSet { .. }
            | Self::WelcomeEmailRequested { .. }
            | Self::ImportInvitesRequested { .. }
            | Self::ImportInvitesRefused { .. }
            | Self::ImportNotificationRequested { .. }
            | Self::ImportLinkUsed { .. }
            | Self::PicturesImported { .. }
            | Self::PictureInserted { .. }
            | Self::PictureRefused { .. }
            | Self::RunRequested { .. }
            | Self::RecipientQueued { .. }
            | Self::RunScheduled { .. }
            | Self::RunQueued { .. }
            | Self::RunStarted { .. }
            | Self::RunCompleted { .. }
            | Self::RunWithdrawn { .. }
            | Self::InviteDispatched { .. }
            | Self::InviteDeferred { .. }
            | Self::InviteSent { .. }
            | Self::UserSkipped { .. }
            | Self::InviteFailed { .. }
            | Self::UserLinked { .. }
            | Self::UserUnlinked { .. }
            | Self::InvitationExpired { .. }
            | Self::InvitationRevoked { .. }
            | Self::DeliveryRecorded { .. }
            | Self::NotificationDispatched { .. }
            | Self::NotificationSent { .. }
            | Self::NotificationFailed { .. }
            | Self::NotificationRequested { .. }
            | Self::NoticeTemplateSet { .. } => false,
        }
    }
}

/// An imported file: kept by its sha256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileRef {
    /// The base name, cleaned of what could mislead; at most 255 characters.
    pub name: String,
    /// SHA-256 of its bytes as they came, 64 hexadecimal digits.
    pub sha256: String,
    pub bytes: u64,
}

/// What a picture is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PictureFormat {
    Jpeg,
    Png,
}

/// How a file is to be read and applied, fixed at acceptance so that it resumes the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportOptions {
    pub dialect: String,
    pub existing: Existing,
    pub blank_means: BlankMeans,
    pub add_to_corporate_phones: bool,
    pub send_welcome_email: bool,
    pub assume_plus: bool,
    /// WHATWG name of the encoding, as given or found.
    pub encoding: String,
    pub delimiter: char,
    /// Column names of the file → the dialect's, as the asker mapped them.
    pub columns: BTreeMap<String, String>,
}

/// What a row does to a user who exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Existing {
    Skip,
    Update,
}

/// What a blank cell does to the value of a user who is updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BlankMeans {
    Keep,
    Clear,
}

/// Where people are invited to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Whatsapp,
    Imessage,
}

impl Channel {
    pub const ALL: [Self; 2] = [Self::Whatsapp, Self::Imessage];

    /// The spellings that askers are told of; [`Channel::read`] is not fussy about case and spaces.
    pub const SPELLINGS: &[&str] =
        &["whatsapp", "imessage", "WhatsApp", "WhatsApp Native", "iMessage", "iMessage Native"];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Imessage => "imessage",
        }
    }

    /// Reads the channel's name in any of the spellings the products use (LX-19).
    pub fn read(text: &str) -> Option<Self> {
        let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        match plain.to_ascii_lowercase().as_str() {
            "whatsapp" | "whatsappnative" => Some(Self::Whatsapp),
            "imessage" | "imessagenative" | "iossmsimessage" => Some(Self::Imessage),
            _ => None,
        }
    }
}

/// Whom a run is for, as it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Import(ImportId),
    OrgUnits {
        org_units: Vec<String>,
        include_descendants: bool,
    },
    Users(Vec<Who>),
    /// A resend: to the people named, or to those whose last invitation is in this state.
    Resend {
        users: Vec<Who>,
        filter: Option<ResendFilter>,
    },
}

/// Whom a resend without names is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResendFilter {
    Bounced,
    Expired,
    NotInvited,
}

/// What became of a mail after it was handed over; an overlay, never an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    Delivered,
    BouncedHard,
    BouncedSoft,
    Complained,
}

/// What an actor may do in a company.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    BulkIntegrateUsers,
    BulkImportUsers,
    ViewOrgUnits,
    Accounts,
    Administer,
}

impl Permission {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BulkIntegrateUsers => "bulk_integrate_users",
            Self::BulkImportUsers => "bulk_import_users",
            Self::ViewOrgUnits => "view_org_units",
            Self::Accounts => "accounts",
            Self::Administer => "administer",
        }
    }
}

/// The mails a company may word itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateKind {
    ChannelInvitation,
    Welcome,
    /// To an administrator, with the link that invites an import's people (OC-14).
    ImportCompleted,
    /// What an import came to, to the designated administrators (ML-14).
    BatchReport,
    /// A run that had to wait has begun, to whoever asked for it.
    RunStarted,
    /// What a run came to, to whoever asked for it.
    RunCompleted,
    /// An organization's numbers are running out, to the designated administrators.
    NumberThreshold,
    /// Pending invitations need more numbers than there are, to the designated administrators.
    InvitationsExceedNumbers,
    /// An invitation is still open, to the person invited.
    Reminder,
    /// Invitations came to nothing, to the designated administrators.
    ExpiredDigest,
}

impl TemplateKind {
    pub const ALL: [Self; 10] = [
        Self::ChannelInvitation,
        Self::Welcome,
        Self::ImportCompleted,
        Self::BatchReport,
        Self::RunStarted,
        Self::RunCompleted,
        Self::NumberThreshold,
        Self::InvitationsExceedNumbers,
        Self::Reminder,
        Self::ExpiredDigest,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChannelInvitation => "channel_invitation",
            Self::Welcome => "welcome",
            Self::ImportCompleted => "import_completed",
            Self::BatchReport => "batch_report",
            Self::RunStarted => "run_started",
            Self::RunCompleted => "run_completed",
            Self::NumberThreshold => "number_threshold",
            Self::InvitationsExceedNumbers => "invitations_exceed_numbers",
            Self::Reminder => "reminder",
            Self::ExpiredDigest => "expired_digest",
        }
    }
}

/// Which wording of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Wording {
    /// A BCP 47 tag.
    pub language: String,
    /// How often the company had set its own wording in this language; 0 is ours.
    pub version: u64,
}

/// Whom a mail is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailTo {
    /// At the address on record when it goes out.
    User(Who),
    /// Who need not be one of the company's people.
    Address(Personal<String>),
}

/// What a mail is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    Import(ImportId),
    Run(RunId),
    /// An organization's numbers as they stood; none is the company's own stock.
    Numbers {
        org_unit: Option<String>,
        total: u64,
        /// Those that are somebody's.
        used: u64,
        /// Those that invitations may still be sent on.
        available: u64,
        /// How many pending invitations wait for one.
        needed: u64,
    },
    /// The invitation that a person is reminded of, by its own link.
    Invitation {
        channel: Channel,
        invitation: InvitationId,
        generation: u32,
        /// Counts the reminders of this link, from 1.
        reminder: u32,
    },
    /// Invitations that expired from the one time to the other.
    Expired {
        since: Time,
        until: Time,
        whatsapp: u64,
        imessage: u64,
        /// The first of the people.
        people: Vec<Who>,
    },
}
