//! Events: one fact about one thing each, only ever added. How a field is added: see `event/declare.rs`.

mod declare;
mod import;
mod mail;
mod permission;
mod person;
mod row;
mod run;
mod subject;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use import::{
    BlankMeans, Counts, Existing, FileRef, IgnoredRows, ImportOptions, PhoneOutcome, PictureFormat,
    RowOutcome, RowRef, UndoCounts, UndoOutcome, Unsupervised,
};
pub use mail::{
    FirstMail, HandedTo, MailKind, MailTo, OutboxId, Topic, Wording, import_completed_key,
    message_id, recipient_of, welcome_key,
};
pub use permission::{Permission, SpeaksFor};
pub use person::{Person, Who};
pub use run::{Channel, ChannelName, Delivery, ResendFilter, RetryOutcome, SentOn, Source};
pub use subject::Subjects;

use crate::values::{Code, ImportId, InvitationId, Personal, Phone, Problem, RunId, Time, TokenId};
use declare::events;
use subject::Subject as _;

events! {
    /// The company's settings, org units, roles and permissions.
    Company(CompanyEvent) {
        CompanyConfigChanged: affects_imports { setting: String, value: serde_json::Value }
        TemplateSet: neutral {
            #[schemars(with = "FirstMail")]
            kind: MailKind,
            language: String,
            subject: String,
            text: String,
            html: String,
        }
        TemplateUnset: neutral { kind: MailKind, language: String }
        OrgUnitDefined: affects_imports {
            org_unit: String,
            parent: Option<String>,
            level: Option<String>,
            roles: Vec<String>,
            /// The permission group of accounts that move to the unit.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            default_permission_group: Option<String>,
        }
        RoleDefined: affects_imports { role: String, permissions: Vec<String> }
        PermissionsGranted: affects_imports { actor: Personal<String>, permissions: Vec<Permission> }
        PermissionsRevoked: affects_imports { actor: Personal<String>, permissions: Vec<Permission> }
        PermissionGroupDefined: affects_imports { permission_group: String, permissions: Vec<String> }
        /// The NATS user may name these actors and no others. It replaces the user's earlier binding.
        NatsUserBound: neutral {
            nats_user: Personal<String>,
            actors: Vec<Personal<String>>,
            speaks_for: Option<SpeaksFor>,
        }
        NatsUserUnbound: neutral { nats_user: Personal<String> }
        /// Requests with the token have this actor. `secret_sha256` is the digest of the whole text of the token.
        TokenIssued: neutral {
            token: TokenId,
            actor: Personal<String>,
            note: Option<Personal<String>>,
            secret_sha256: String,
            expires_at: Option<Time>,
        }
        TokenRevoked: neutral { token: TokenId }
    }

    /// Users and their corporate phones. `row` is the row of a file that caused the event.
    User(UserEvent) {
        UserCreated: affects_imports {
            user: Who,
            person: Personal<Person>,
            org_unit: Option<String>,
            roles: Vec<String>,
            active: bool,
            row: Option<RowRef>,
        }
        /// The user's values after the change; `changed` names what differs.
        UserUpdated: affects_imports {
            user: Who,
            person: Personal<Person>,
            org_unit: Option<String>,
            roles: Vec<String>,
            changed: Vec<String>,
            row: Option<RowRef>,
        }
        UserActivated: affects_imports { user: Who, row: Option<RowRef> }
        UserDeactivated: affects_imports { user: Who, row: Option<RowRef> }
        UserArchived: affects_imports { user: Who }
        UserRestored: affects_imports { user: Who }
        RolesAssigned: affects_imports { user: Who, roles: Vec<String> }
        RolesRemoved: affects_imports { user: Who, roles: Vec<String> }
        /// The person was removed, because the import that created the person was undone.
        UserRemoved: affects_imports { user: Who }
        CorporatePhoneAdded: affects_imports {
            phone: Personal<Phone>,
            user: Who,
            import: Option<ImportId>,
        }
        CorporatePhoneRemoved: affects_imports { phone: Personal<Phone>, user: Who }
    }

    /// The number pool. `org_unit` is the organization that owns the number; none is the company's own stock.
    Number(NumberEvent) {
        NumberAdded: affects_imports { number: Personal<Phone>, org_unit: Option<String> }
        NumberReserved: affects_imports { number: Personal<Phone>, tag: String }
        NumberUnreserved: affects_imports { number: Personal<Phone> }
        NumberAllocated: affects_imports { number: Personal<Phone>, org_unit: String }
        /// The number went back to the parent organization; none is the company's own stock.
        NumberWithdrawn: affects_imports { number: Personal<Phone>, org_unit: Option<String> }
        NumberAssigned: affects_imports { number: Personal<Phone>, user: Who, import: Option<ImportId> }
        /// The account of the number was activated.
        NumberRegistered: affects_imports { number: Personal<Phone>, user: Who }
        /// The number is available again, at once or after `cooling_until`.
        NumberReleased: affects_imports {
            number: Personal<Phone>,
            user: Who,
            cooling_until: Option<Time>,
        }
        NumberCooled: affects_imports { number: Personal<Phone> }
        /// The user is an account that gets its number from the pool.
        AccountOpened: affects_imports { user: Who, import: Option<ImportId> }
    }

    /// Imports, their undo, and what they ask for when they are over.
    Import(ImportEvent) {
        ImportAccepted: affects_imports {
            import: ImportId,
            files: Vec<FileRef>,
            options: ImportOptions,
            total: u64,
            warnings: Vec<Problem>,
            /// Rows without an outcome. Absent in older events.
            #[serde(default, skip_serializing_if = "IgnoredRows::is_none")]
            ignored: IgnoredRows,
        }
        RowUnchanged: affects_imports { user: Who, row: RowRef }
        /// A row that changed nothing, because of `problems`. `user` is none if the row has no usable key.
        RowRefused: affects_imports {
            user: Option<Who>,
            row: RowRef,
            outcome: RowOutcome,
            problems: Vec<Problem>,
        }
        WelcomeEmailRequested: neutral { user: Who, import: ImportId, row: u64 }
        ImportCompleted: affects_imports { import: ImportId, counts: Counts }
        ImportUndoStarted: affects_imports { import: ImportId }
        /// The outcome of undoing a row; `code` says why it was not reversed.
        RowUndone: affects_imports {
            import: ImportId,
            row: u64,
            user: Who,
            outcome: UndoOutcome,
            code: Option<Code>,
        }
        ImportUndone: affects_imports {
            import: ImportId,
            counts: UndoCounts,
            /// Who is left without a supervisor. Absent if all have one, and in older events.
            #[serde(default, skip_serializing_if = "Unsupervised::is_none")]
            unsupervised: Unsupervised,
        }
        /// The undo reversed no row, so the import was not undone. It may be undone later.
        ImportUndoKept: affects_imports { import: ImportId, counts: UndoCounts }
        /// After its last row, the import requests a run for its people. The run has the id of the import.
        ImportInvitesRequested: neutral {
            import: ImportId,
            channel: Channel,
            /// Only the people that the import creates.
            created_only: bool,
        }
        /// Why no run was requested when the import was over.
        ImportInvitesRefused: neutral { import: ImportId, problem: Problem }
        /// The organization and permission group of the import's people, chosen in the command.
        ImportPlaced: affects_imports {
            import: ImportId,
            organization: String,
            permission_group: String,
        }
        /// A mail about the import to the administrator of the network was requested. Its link invites the import's people.
        ImportNotificationRequested: neutral {
            import: ImportId,
            email: Personal<String>,
            /// When the link expires.
            expires_at: Time,
            /// Counts the links of the import; the older ones do not work any more. None is the first.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            generation: Option<u32>,
        }
        /// The link was used and requested this run. It cannot be used again.
        ImportLinkUsed: neutral { import: ImportId, run: RunId }
    }

    /// Profile pictures.
    Picture(PictureEvent) {
        /// An archive of more pictures than one commit can hold was accepted. The outcome of each picture follows, and
        /// `PicturesImported` comes last.
        PicturesAccepted: neutral {
            import: ImportId,
            file: FileRef,
            match_attribute: String,
            total: u64,
        }
        /// An archive of pictures was imported. Unless it was accepted before, the outcome of each picture follows.
        PicturesImported: neutral {
            import: ImportId,
            file: FileRef,
            /// What the pictures' names were compared with.
            match_attribute: String,
            inserted: u64,
            invalid: u64,
        }
        /// The picture replaces the earlier picture of the person.
        PictureInserted: neutral {
            import: ImportId,
            /// The picture's number in its archive, from 1.
            number: u64,
            name: Personal<String>,
            user: Who,
            /// SHA-256 of the picture, 64 hexadecimal digits. The picture is stored under it.
            sha256: String,
            bytes: u64,
            format: PictureFormat,
            /// SHA-256 of the user's earlier picture, if it was another one. Absent in older events.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            replaced: Option<String>,
        }
        /// The person has no picture any more. Its bytes are removed if no other person has the picture.
        PictureRemoved: neutral { user: Who, sha256: String }
        PictureRefused: neutral { import: ImportId, number: u64, name: Personal<String>, code: Code }
    }

    /// Runs.
    Run(RunEvent) {
        RunRequested: neutral {
            run: RunId,
            channel: Channel,
            source: Source,
            total: u64,
            duplicates_removed: u64,
            not_before: Option<Time>,
            /// The version of the procedure that lists the people of the source. Absent for version 1.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            list_version: Option<u32>,
        }
        RecipientQueued: neutral { run: RunId, user: Who }
        RunScheduled: neutral { run: RunId, not_before: Time }
        RunQueued: neutral { run: RunId }
        RunStarted: neutral { run: RunId }
        RunCompleted: neutral { run: RunId, passed: u64, skipped: u64, failed: u64 }
        RunWithdrawn: neutral { run: RunId }
        /// The mails of the run cannot be sent now, for example because the mail server is down. `via` is the transport,
        /// `what` names what the run waits for, in words for people.
        RunWaiting: neutral {
            run: RunId,
            via: String,
            what: String,
            last_words: String,
            next_try: Time,
        }
        /// The mails of the run can be sent again.
        RunResumed: neutral { run: RunId }
        /// The run waits no longer for its mails to be sent: recipients without an outcome fail with this code.
        RunGivenUp: neutral { run: RunId, code: Code }
        /// The outboxes that get the mails and texts of the claims that follow; none for a transport that is no outbox.
        RunOutboxesRecorded: neutral { run: RunId, mails: Option<OutboxId>, texts: Option<OutboxId> }
    }

    /// Recipients of a run.
    Recipient(RecipientEvent) {
        /// The claim of a recipient. It is durable before the invitation is sent.
        InviteDispatched: neutral {
            run: RunId,
            user: Who,
            attempt: u32,
            invitation: InvitationId,
            generation: u32,
            email: Personal<String>,
            message_id: String,
            /// The name of the transport that got the invitation; empty if an external worker reported without a claim.
            #[serde(default)]
            via: String,
            /// The template of the mail at the time of the claim; none if an external worker reported without a claim.
            #[serde(default)]
            template: Option<Wording>,
            /// What the link depends on beside the address. Absent in older events: the link depends on no phone, and
            /// its claim ended the person's earlier links.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            sent_on: Option<SentOn>,
            /// The number of a device that gets the invitation as a text message. Then `email` is empty.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            device: Option<Personal<Phone>>,
        }
        /// A temporary failure was reported; the recipient waits until `retry_at`.
        InviteDeferred: neutral {
            run: RunId,
            user: Who,
            attempt: u32,
            code: Code,
            detail: Option<String>,
            retry_at: Time,
        }
        InviteSent: neutral {
            run: RunId,
            user: Who,
            attempt: u32,
            message_id: String,
            expires_at: Time,
        }
        UserSkipped: neutral { run: RunId, user: Who, code: Code, detail: Option<String> }
        InviteFailed: neutral {
            run: RunId,
            user: Who,
            attempt: u32,
            code: Code,
            detail: Option<String>,
        }
    }

    /// Invitations and links.
    Invitation(InvitationEvent) {
        UserLinked: neutral { user: Who, channel: Channel, invitation: Option<InvitationId> }
        UserUnlinked: neutral { user: Who, channel: Channel }
        InvitationExpired: neutral {
            user: Who,
            channel: Channel,
            invitation: InvitationId,
            generation: u32,
        }
        InvitationRevoked: neutral {
            user: Who,
            channel: Channel,
            invitation: InvitationId,
            generation: u32,
        }
        /// The person opened the page of the link for the first time. Opening it uses nothing up.
        InvitationClicked: neutral { user: Who, channel: Channel, invitation: InvitationId, generation: u32 }
        DeliveryRecorded: neutral {
            run: RunId,
            user: Who,
            message_id: String,
            delivery: Delivery,
            code: Option<String>,
        }
        /// What the link depended on is no longer true: `code` says what has changed.
        InvitationEnded: neutral {
            user: Who,
            channel: Channel,
            invitation: InvitationId,
            generation: u32,
            code: Code,
        }
    }

    /// Mails that are not invitations. `key` is unique for each mail.
    Notification(NotificationEvent) {
        NotificationDispatched: neutral {
            key: String,
            user: Who,
            email: Personal<String>,
            message_id: String,
            /// The number of a device that gets a text message. Then `email` is empty.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            device: Option<Personal<Phone>>,
        }
        /// The mail was certainly not sent. It is tried again from `retry_at`, by the same transport.
        NotificationDeferred: neutral {
            key: String,
            via: String,
            code: Code,
            detail: Option<String>,
            retry_at: Time,
        }
        /// The transports that get the mails and texts of the claims that follow; none for texts if none can be sent.
        NotificationChannelsRecorded: neutral { mails: HandedTo, texts: Option<HandedTo> }
        /// The mail is sent again, by request.
        NotificationRequeued: neutral { key: String }
        NotificationSent: neutral { key: String }
        NotificationFailed: neutral { key: String, code: Code, detail: Option<String> }
        /// The company's own template of a mail that is neither an invitation nor a welcome mail.
        NoticeTemplateSet: neutral {
            kind: MailKind,
            language: String,
            subject: String,
            text: String,
            html: String,
        }
        /// A mail was requested. It is sent once.
        NotificationRequested: neutral { kind: MailKind, key: String, to: MailTo, about: Topic }
    }
}
