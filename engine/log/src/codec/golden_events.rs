//! One event of each kind with every field filled, for the golden bytes.

use std::collections::BTreeMap;

use boarding_commands::event::*;
use boarding_commands::values::{
    Code, ImportId, InvitationId, Personal, Phone, Problem, RunId, Time, TokenId, UserKey,
};
use serde_json::json;
use ulid::Ulid;

mod later_forms;

pub(super) use later_forms::later_forms;

const IMPORT: ImportId = ImportId(Ulid(0x0193_4c5a_7d03_0000_0000_0000_0000_0003));
const RUN: RunId = RunId(Ulid(0x0193_4c5a_7d04_0000_0000_0000_0000_0004));
const INVITATION: InvitationId = InvitationId(Ulid(0x0193_4c5a_7d05_0000_0000_0000_0000_0005));
const TOKEN: TokenId = TokenId(Ulid(0x0193_4c5a_7d06_0000_0000_0000_0000_0006));
const LATER: Time = Time(1_795_852_800_000);

pub(super) fn events() -> Vec<Event> {
    [
        company(),
        users(),
        phones_and_imports(),
        numbers(),
        pictures(),
        runs(),
        recipients(),
        invitations(),
        notifications(),
    ]
    .concat()
}

fn who() -> Who {
    Personal(UserKey::new("Trần.Thu@acme.example"))
}

fn phone() -> Personal<Phone> {
    Personal(Phone::parse("+84923448071").unwrap())
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn person() -> Personal<Person> {
    Personal(Person {
        first_name: Some(text("Thu")),
        last_name: Some(text("Trần")),
        email: Some(text("thu.tran@acme.example")),
        phone: Some(*phone()),
        attributes: BTreeMap::from([(text("department"), text("Sales"))]),
    })
}

fn row() -> RowRef {
    RowRef {
        import: IMPORT,
        row: 17,
        line: 19,
        phone: Some(PhoneOutcome::Rejected(Code::PhoneInvalid)),
        warnings: vec![Problem {
            message: text("The phone number had no plus sign; one was assumed."),
            ..Problem::in_column("phone", Code::PhonePlusAssumed)
        }],
        lost: 0,
    }
}

/// The sample of this event.
pub(super) fn of(name: &str) -> Event {
    events().into_iter().find(|event| event.name() == name).unwrap()
}

fn company() -> Vec<Event> {
    vec![
        Event::CompanyConfigChanged {
            setting: text("channels"),
            value: json!({"whatsapp": true, "limit": 100}),
        },
        Event::TemplateSet {
            kind: MailKind::ChannelInvitation,
            language: text("vi"),
            subject: text("Lời mời"),
            text: text("{{ link }}"),
            html: text("<a href=\"{{ link }}\">…</a>"),
        },
        Event::TemplateUnset { kind: MailKind::Welcome, language: text("pt-BR") },
        Event::OrgUnitDefined {
            org_unit: text("Sales APAC"),
            parent: Some(text("Sales")),
            level: Some(text("team")),
            roles: vec![text("Agent")],
            default_permission_group: None,
        },
        Event::RoleDefined { role: text("Agent"), permissions: vec![text("bulk_integration")] },
        Event::PermissionsGranted {
            actor: text("jane@acme.example").into(),
            permissions: vec![Permission::BulkImportUsers, Permission::Administer],
        },
        Event::PermissionsRevoked {
            actor: text("jane@acme.example").into(),
            permissions: vec![Permission::ViewOrgUnits],
        },
        Event::PermissionGroupDefined {
            permission_group: text("Traders"),
            permissions: vec![text("voice")],
        },
        Event::NatsUserBound {
            nats_user: text("acme-publisher").into(),
            actors: vec![text("jane@acme.example").into(), text("joe").into()],
            speaks_for: Some(SpeaksFor::Anyone),
        },
        Event::NatsUserUnbound { nats_user: text("acme-publisher").into() },
        Event::TokenIssued {
            token: TOKEN,
            actor: text("portal@acme.example").into(),
            note: Some(text("HR portal").into()),
            secret_sha256: "0a".repeat(32),
            expires_at: Some(LATER),
        },
        Event::TokenRevoked { token: TOKEN },
    ]
}

fn users() -> Vec<Event> {
    let org_unit = Some(text("Sales APAC"));
    let roles = vec![text("Agent"), text("Lead")];
    vec![
        Event::UserCreated {
            user: who(),
            person: person(),
            org_unit: org_unit.clone(),
            roles: roles.clone(),
            active: true,
            row: Some(row()),
        },
        Event::UserUpdated {
            user: who(),
            person: person(),
            org_unit,
            roles: roles.clone(),
            changed: vec![text("last_name")],
            row: Some(row()),
        },
        Event::UserActivated { user: who(), row: Some(row()) },
        Event::UserDeactivated { user: who(), row: None },
        Event::UserArchived { user: who() },
        Event::UserRestored { user: who() },
        Event::RolesAssigned { user: who(), roles: roles.clone() },
        Event::RolesRemoved { user: who(), roles },
        Event::UserRemoved { user: who() },
    ]
}

fn pictures() -> Vec<Event> {
    let name = || text("Trần Thu.jpg").into();
    let (import, sha256, bytes) = (IMPORT, "9c".repeat(32), 70_000);
    let file = FileRef { name: text("Archive.zip"), sha256: "5e".repeat(32), bytes };
    let match_attribute = text("agent_id");
    vec![
        Event::PicturesImported {
            import,
            file: file.clone(),
            match_attribute: match_attribute.clone(),
            inserted: 300,
            invalid: 1,
        },
        Event::PicturesAccepted { import, file, match_attribute, total: 9_000 },
        Event::PictureRemoved { user: who(), sha256: sha256.clone() },
        Event::PictureInserted {
            import,
            number: 17,
            name: name(),
            user: who(),
            sha256,
            bytes,
            format: PictureFormat::Jpeg,
            replaced: None,
        },
        Event::PictureRefused { import, number: 18, name: name(), code: Code::PictureTooLarge },
    ]
}

fn import_options() -> ImportOptions {
    ImportOptions {
        dialect: text("leapxpert"),
        existing: Existing::Update,
        blank_means: BlankMeans::Keep,
        add_to_corporate_phones: true,
        send_welcome_email: true,
        assume_plus: false,
        encoding: text("UTF-8"),
        delimiter: ';',
        columns: BTreeMap::from([(text("Mail"), text("email"))]),
    }
}

fn import_counts() -> Counts {
    Counts {
        total: 300,
        created: 1,
        updated: 2,
        unchanged: 3,
        activated: 4,
        deactivated: 5,
        skipped: 6,
        duplicate: 7,
        invalid: 272,
        warnings: 9,
        phones_added: 10,
        phones_failed: 11,
        lost: 0,
        notes: 0,
        blank_rows: 0,
    }
}

fn phones_and_imports() -> Vec<Event> {
    vec![
        Event::CorporatePhoneAdded { phone: phone(), user: who(), import: Some(IMPORT) },
        Event::CorporatePhoneRemoved { phone: phone(), user: who() },
        Event::ImportAccepted {
            import: IMPORT,
            files: vec![FileRef {
                name: text("users.csv"),
                sha256: "5e".repeat(32),
                bytes: 70_000,
            }],
            options: import_options(),
            total: 300,
            warnings: vec![Problem {
                message: text("The byte order mark at the start was removed. (UTF-8)"),
                ..Problem::new(Code::CsvBomRemoved)
            }],
            ignored: IgnoredRows::default(),
        },
        Event::RowUnchanged { user: who(), row: RowRef { phone: None, warnings: vec![], ..row() } },
        Event::RowRefused {
            user: Some(who()),
            row: RowRef { phone: Some(PhoneOutcome::AlreadyPresent), ..row() },
            outcome: RowOutcome::Invalid,
            problems: vec![Problem {
                message: text("The value is not one plain e-mail address."),
                ..Problem::in_column("email", Code::FieldInvalidEmail)
            }],
        },
        Event::WelcomeEmailRequested { user: who(), import: IMPORT, row: 17 },
        Event::ImportInvitesRequested {
            import: IMPORT,
            channel: Channel::Whatsapp,
            created_only: true,
        },
        Event::ImportInvitesRefused {
            import: IMPORT,
            problem: Problem {
                message: text(
                    "Too many runs are waiting for this company; wait for one to end. (1 waits)",
                ),
                ..Problem::new(Code::RunQueueFull)
            },
        },
        Event::ImportNotificationRequested {
            import: IMPORT,
            email: text("admin@acme.example").into(),
            expires_at: LATER,
            generation: None,
        },
        Event::ImportLinkUsed { import: IMPORT, run: RUN },
        Event::ImportCompleted { import: IMPORT, counts: import_counts() },
        Event::ImportUndoStarted { import: IMPORT },
        Event::RowUndone {
            import: IMPORT,
            row: 17,
            user: who(),
            outcome: UndoOutcome::Kept,
            code: Some(Code::RowChangedSince),
        },
        Event::ImportUndone {
            import: IMPORT,
            counts: UndoCounts { reversed: 290, kept: 9, errored: 1 },
            unsupervised: Unsupervised::default(),
        },
        Event::ImportUndoKept {
            import: IMPORT,
            counts: UndoCounts { reversed: 0, kept: 299, errored: 1 },
        },
    ]
}

/// An undo that leaves people without a supervisor.
fn unsupervising_undo() -> Event {
    Event::ImportUndone {
        import: IMPORT,
        counts: UndoCounts { reversed: 290, kept: 9, errored: 1 },
        unsupervised: Unsupervised { total: 501, users: vec![who()] },
    }
}

fn numbers() -> Vec<Event> {
    let (number, import) = (phone, Some(IMPORT));
    vec![
        Event::NumberAdded { number: number(), org_unit: Some(text("Sales APAC")) },
        Event::NumberReserved { number: number(), tag: text("VIP") },
        Event::NumberUnreserved { number: number() },
        Event::NumberAllocated { number: number(), org_unit: text("Sales APAC") },
        Event::NumberWithdrawn { number: number(), org_unit: Some(text("Sales")) },
        Event::NumberAssigned { number: number(), user: who(), import },
        Event::NumberRegistered { number: number(), user: who() },
        Event::NumberReleased { number: number(), user: who(), cooling_until: Some(LATER) },
        Event::NumberCooled { number: number() },
        Event::AccountOpened { user: who(), import },
        Event::ImportPlaced {
            import: IMPORT,
            organization: text("Sales APAC"),
            permission_group: text("Traders"),
        },
    ]
}

fn runs() -> Vec<Event> {
    vec![
        Event::RunRequested {
            run: RUN,
            channel: Channel::Whatsapp,
            source: Source::OrgUnits {
                org_units: vec![text("Sales APAC")],
                include_descendants: true,
            },
            total: 100,
            duplicates_removed: 2,
            not_before: Some(LATER),
            list_version: None,
        },
        Event::RecipientQueued { run: RUN, user: who() },
        Event::RunScheduled { run: RUN, not_before: LATER },
        Event::RunQueued { run: RUN },
        Event::RunStarted { run: RUN },
        Event::RunCompleted { run: RUN, passed: 90, skipped: 7, failed: 3 },
        Event::RunWithdrawn { run: RUN },
        Event::RunWaiting {
            run: RUN,
            via: text("smtp"),
            what: text("mail server"),
            last_words: text("the mail server said no to the recipient: 421 closing"),
            next_try: LATER,
        },
        Event::RunResumed { run: RUN },
        Event::RunGivenUp { run: RUN, code: Code::RunGivenUp },
        Event::RunOutboxesRecorded { run: RUN, mails: Some(OutboxId(7)), texts: None },
    ]
}

fn recipients() -> Vec<Event> {
    let message_id = text("<01JD.thu@boarding.example>");
    let detail = Some(text("451 4.7.1 try again"));
    let code = Code::DeliveryTemporaryFailure;
    vec![
        Event::InviteDispatched {
            run: RUN,
            user: who(),
            attempt: 2,
            invitation: INVITATION,
            generation: 3,
            email: text("thu.tran@acme.example").into(),
            message_id: message_id.clone(),
            via: text("smtp"),
            template: Some(Wording { language: text("vi"), version: 3 }),
            sent_on: None,
            device: None,
        },
        Event::InviteDeferred {
            run: RUN,
            user: who(),
            attempt: 2,
            code,
            detail: detail.clone(),
            retry_at: LATER,
        },
        Event::InviteSent { run: RUN, user: who(), attempt: 2, message_id, expires_at: LATER },
        Event::UserSkipped {
            run: RUN,
            user: who(),
            code: Code::RecipientAlreadyLinked,
            detail: None,
        },
        Event::InviteFailed { run: RUN, user: who(), attempt: 2, code, detail },
    ]
}

fn invitations() -> Vec<Event> {
    let (channel, invitation, generation) = (Channel::Imessage, INVITATION, 3);
    vec![
        Event::UserLinked { user: who(), channel, invitation: Some(INVITATION) },
        Event::UserUnlinked { user: who(), channel },
        Event::InvitationExpired { user: who(), channel, invitation, generation },
        Event::InvitationRevoked { user: who(), channel, invitation, generation },
        Event::InvitationClicked { user: who(), channel, invitation, generation },
        Event::DeliveryRecorded {
            run: RUN,
            user: who(),
            message_id: text("<01JD.thu@boarding.example>"),
            delivery: Delivery::BouncedHard,
            code: Some(text("5.1.1")),
        },
        Event::InvitationEnded {
            user: who(),
            channel,
            invitation,
            generation,
            code: Code::InvitationAddressChanged,
        },
    ]
}

fn notifications() -> Vec<Event> {
    let key = text("welcome:01JD");
    vec![
        Event::NotificationDispatched {
            key: key.clone(),
            user: who(),
            email: text("thu.tran@acme.example").into(),
            message_id: text("<01JE.thu@boarding.example>"),
            device: None,
        },
        Event::NotificationSent { key: key.clone() },
        Event::NotificationDeferred {
            key: key.clone(),
            via: text("smtp"),
            code: Code::DeliveryServerUnavailable,
            detail: Some(text("connection refused")),
            retry_at: LATER,
        },
        Event::NotificationRequeued { key: key.clone() },
        Event::NotificationChannelsRecorded {
            mails: HandedTo { via: text("smtp"), outbox: None },
            texts: Some(HandedTo { via: text("outbox"), outbox: Some(OutboxId(7)) }),
        },
        Event::NotificationFailed { key, code: Code::DeliveryRefused, detail: Some(text("550")) },
        Event::NoticeTemplateSet {
            kind: MailKind::BatchReport,
            language: text("vi"),
            subject: text("{{ file_name }}"),
            text: text("{{ success }} {{ failed }}"),
            html: text("<p>{{ success }} {{ failed }}</p>"),
        },
        Event::NotificationRequested {
            kind: MailKind::BatchReport,
            key: text("batch_report.01JD.1"),
            to: MailTo::Address(text("una@acme.example").into()),
            about: Topic::Import(IMPORT),
        },
    ]
}
