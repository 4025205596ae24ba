//! Events for the tests of the checkers, and a history that feeds them to the checkers.

use std::collections::BTreeMap;

use boarding_commands::commit::{Commit, RecordedCommit, SCHEMA};
use boarding_commands::event::{
    BlankMeans, Channel, Counts, Event, Existing, IgnoredRows, ImportOptions, Person, RowOutcome,
    RowRef, Source, UndoOutcome, Who,
};
use boarding_commands::values::{
    Code, CommandId, Digest, ImportId, InvitationId, Personal, Phone, RunId, Time, UserKey,
};
use serde_json::Value;
use ulid::Ulid;

use super::super::checkers::{InvariantCheckers, Origin};
use super::super::violation::CheckResult;

/// 2026-11-21T08:00:00Z, in milliseconds.
const START: i64 = 1_795_248_000_000;

/// A history that the checkers observe commit by commit.
#[derive(Default)]
pub(super) struct CheckedHistory {
    pub checkers: InvariantCheckers,
    version: u64,
}

impl CheckedHistory {
    fn append(&mut self, events: Vec<Event>, origin: Origin) -> CheckResult {
        let commit = Commit {
            company: "acme".parse().unwrap(),
            first_version: self.version + 1,
            command: CommandId(Ulid(u128::from(self.version))),
            body: Digest::default(),
            actor: Personal("jane".to_owned()),
            at: Time(START + i64::try_from(self.version).unwrap()),
            correlation: None,
            causation: None,
            traceparent: None,
            schema: SCHEMA,
            result: Value::Null,
            previous: Digest::default(),
            events,
            authenticated: None,
        };
        let position = self.version + 1;
        self.version += commit.events.len() as u64;
        self.checkers.observe(&RecordedCommit { position, hash: Digest::default(), commit }, origin)
    }

    /// Appends a commit in which the checkers find no violation.
    #[track_caller]
    pub(super) fn accepts(mut self, events: Vec<Event>) -> Self {
        assert_eq!(self.append(events, Origin::Claim), Ok(()));
        self
    }

    /// Appends a claim's commit that violates this invariant.
    #[track_caller]
    pub(super) fn violates(mut self, invariant: &str, events: Vec<Event>) {
        self.violates_from(invariant, events, Origin::Claim);
    }

    /// Appends a commit of this origin that violates this invariant.
    #[track_caller]
    pub(super) fn violates_from(&mut self, invariant: &str, events: Vec<Event>, origin: Origin) {
        let result = self.append(events, origin);
        let why = result.expect_err(&format!("no checker detected the violation of {invariant}"));
        assert!(
            why.starts_with(&format!("{invariant} ")),
            "the checker reports this instead of {invariant}: {why}"
        );
    }
}

pub(super) fn user(key: &str) -> Who {
    Personal(UserKey::new(key))
}

pub(super) fn run_id(n: u128) -> RunId {
    RunId(Ulid(n))
}

pub(super) fn import_id() -> ImportId {
    ImportId(Ulid(44))
}

pub(super) fn phone(n: u64) -> Personal<Phone> {
    Phone::parse(&format!("+1212555{n:04}")).unwrap().into()
}

pub(super) fn person(attributes: &[(&str, &str)]) -> Personal<Person> {
    let email = Some("ann@acme.example".to_owned());
    let attributes =
        attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Personal(Person { email, attributes: attributes.collect(), ..Person::default() })
}

pub(super) fn user_created_with(key: &str, person: Personal<Person>, row: Option<RowRef>) -> Event {
    let (user, org_unit) = (user(key), Some("EMEA".to_owned()));
    Event::UserCreated { user, person, org_unit, roles: vec![], active: true, row }
}

pub(super) fn user_created(key: &str) -> Event {
    user_created_with(key, person(&[]), None)
}

pub(super) fn phone_added(key: &str, n: u64) -> Event {
    Event::CorporatePhoneAdded { phone: phone(n), user: user(key), import: None }
}

pub(super) fn run_requested(n: u128, total: u64) -> Event {
    let source = Source::Users(vec![]);
    Event::RunRequested {
        run: run_id(n),
        channel: Channel::Whatsapp,
        source,
        total,
        duplicates_removed: 0,
        not_before: None,
        list_version: None,
    }
}

/// The events of a run with these recipients, up to its start.
pub(super) fn started_run(n: u128, keys: &[&str]) -> Vec<Event> {
    let run = run_id(n);
    let listed = keys.iter().map(|key| Event::RecipientQueued { run, user: user(key) });
    let events = [run_requested(n, keys.len() as u64)].into_iter().chain(listed);
    events.chain([Event::RunQueued { run }, Event::RunStarted { run }]).collect()
}

/// The same events without the start.
pub(super) fn queued_run(n: u128, keys: &[&str]) -> Vec<Event> {
    let mut events = started_run(n, keys);
    events.pop();
    events
}

pub(super) fn dispatched(key: &str, attempt: u32, generation: u32) -> Event {
    Event::InviteDispatched {
        run: run_id(1),
        user: user(key),
        attempt,
        invitation: InvitationId(Ulid(key.bytes().map(u128::from).sum())),
        generation,
        email: Personal("ann@acme.example".to_owned()),
        message_id: format!("{key}-{attempt}"),
        via: "outbox".to_owned(),
        template: None,
        sent_on: None,
        device: None,
    }
}

pub(super) fn invite_failed(key: &str) -> Event {
    let (code, detail) = (Code::DeliveryRefused, None);
    Event::InviteFailed { run: run_id(1), user: user(key), attempt: 1, code, detail }
}

pub(super) fn run_completed(counts: [u64; 3]) -> Event {
    let [passed, skipped, failed] = counts;
    Event::RunCompleted { run: run_id(1), passed, skipped, failed }
}

/// Ann and Bob, with their corporate phones.
pub(super) fn two_users() -> CheckedHistory {
    CheckedHistory::default().accepts(vec![
        user_created("ann"),
        user_created("bob"),
        phone_added("ann", 1),
        phone_added("bob", 2),
    ])
}

/// A running run with the recipients Ann and Bob.
pub(super) fn running_run() -> CheckedHistory {
    two_users().accepts(started_run(1, &["ann", "bob"]))
}

pub(super) fn import_accepted(dialect: &str, total: u64) -> Event {
    let options = ImportOptions {
        dialect: dialect.to_owned(),
        existing: Existing::Update,
        blank_means: BlankMeans::Keep,
        add_to_corporate_phones: true,
        send_welcome_email: false,
        assume_plus: false,
        encoding: "UTF-8".to_owned(),
        delimiter: ',',
        columns: BTreeMap::new(),
    };
    let ignored = IgnoredRows::default();
    let (import, files, warnings) = (import_id(), vec![], vec![]);
    Event::ImportAccepted { import, files, options, total, warnings, ignored }
}

pub(super) fn row_ref(row: u64) -> RowRef {
    RowRef::new(import_id(), row, row + 1)
}

pub(super) fn row_refused(n: u64) -> Event {
    let (outcome, problems) = (RowOutcome::Invalid, vec![]);
    Event::RowRefused { user: None, row: row_ref(n), outcome, problems }
}

/// A completed import that created Eve in its first row.
pub(super) fn completed_import() -> CheckedHistory {
    let counts = Counts { total: 2, created: 1, invalid: 1, ..Counts::default() };
    let events = vec![
        import_accepted("leapxpert", 2),
        user_created_with("eve", person(&[]), Some(row_ref(1))),
        row_refused(2),
        Event::ImportCompleted { import: import_id(), counts },
    ];
    two_users().accepts(events)
}

/// Two accounts of EMEA, and this many numbers of EMEA.
pub(super) fn accounts_with_numbers(numbers: u64) -> CheckedHistory {
    let open = |key: &str| Event::AccountOpened { user: user(key), import: None };
    let org_unit = || Some("EMEA".to_owned());
    let added =
        (1..=numbers).map(|n| Event::NumberAdded { number: phone(n), org_unit: org_unit() });
    two_users().accepts(vec![open("ann"), open("bob")]).accepts(added.collect())
}

pub(super) fn number_assigned(n: u64, key: &str) -> Event {
    Event::NumberAssigned { number: phone(n), user: user(key), import: None }
}

pub(super) fn row_undone(n: u64, outcome: UndoOutcome, code: Option<Code>) -> Event {
    Event::RowUndone { import: import_id(), row: n, user: user("eve"), outcome, code }
}
