//! Events: one fact about one thing each. Only ever added to; each stored form has a frozen golden file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::code::{Code, Problem};
use crate::id::{ImportId, InvitationId, RunId, UserKey};
use crate::personal::Personal;
use crate::phone::Phone;
use crate::time::Time;

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
            Self::UserCreated { .. } => "UserCreated",
            Self::UserUpdated { .. } => "UserUpdated",
            Self::UserActivated { .. } => "UserActivated",
            Self::UserDeactivated { .. } => "UserDeactivated",
            Self::UserArchived { .. } => "UserArchived",
            Self::UserRestored { .. } => "UserRestored",
            Self::RolesAssigned { .. } => "RolesAssigned",
            Self::RolesRemoved { .. } => "RolesRemoved",
            Self::CorporatePhoneAdded { .. } => "CorporatePhoneAdded",
            Self::CorporatePhoneRemoved { .. } => "CorporatePhoneRemoved",
            Self::ImportAccepted { .. } => "ImportAccepted",
            Self::RowUnchanged { .. } => "RowUnchanged",
            Self::RowRefused { .. } => "RowRefused",
            Self::WelcomeEmailRequested { .. } => "WelcomeEmailRequested",
            Self::ImportCompleted { .. } => "ImportCompleted",
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
            | Self::UserCreated { .. }
            | Self::UserUpdated { .. }
            | Self::UserActivated { .. }
            | Self::UserDeactivated { .. }
            | Self::UserArchived { .. }
            | Self::UserRestored { .. }
            | Self::RolesAssigned { .. }
            | Self::RolesRemoved { .. }
            | Self::CorporatePhoneAdded { .. }
            | Self::CorporatePhoneRemoved { .. }
            | Self::ImportAccepted { .. }
            | Self::RowUnchanged { .. }
            | Self::RowRefused { .. }
            | Self::ImportCompleted { .. } => true,
            Self::TemplateSet { .. }
            | Self::WelcomeEmailRequested { .. }
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
            | Self::NotificationFailed { .. } => false,
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
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TemplateKind {
    ChannelInvitation,
    Welcome,
}
