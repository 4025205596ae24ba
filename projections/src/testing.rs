//! Test helpers: a company built from commits of events, and queries on its rows.

use std::collections::BTreeMap;

use boarding_commands::commit::{Commit, RecordedCommit, RecordedEvent, SCHEMA};
use boarding_commands::event::{
    BlankMeans, Channel, Counts, Event, Existing, FileRef, IgnoredRows, ImportOptions, Person,
    RowRef, Source, Who, Wording,
};
use boarding_commands::values::{
    CommandId, CompanyId, Digest, ImportId, InvitationId, Personal, Phone, RunId, Time, UserKey,
};
use serde_json::Value;
use ulid::Ulid;

use crate::csv_export::{CsvExport, CsvFormat};
use crate::query::{AnswerRow, QueryError, RowsAnswer};
use crate::rows::MemoryRows;
use crate::{answer, find_query};

/// The commits of one company, a second apart, from 2026-11-21T08:00:00Z.
#[derive(Debug, Clone)]
pub(crate) struct TestCompany {
    id: CompanyId,
    version: u64,
    commits: Vec<RecordedCommit>,
}

impl TestCompany {
    pub(crate) fn new(id: &str) -> Self {
        Self { id: id.parse().unwrap(), version: 0, commits: Vec::new() }
    }

    pub(crate) fn id(&self) -> &CompanyId {
        &self.id
    }

    /// Appends one commit by `jane@acme.example`.
    pub(crate) fn commit(mut self, events: impl IntoIterator<Item = Event>) -> Self {
        let events: Vec<_> = events.into_iter().collect();
        let n = self.commits.len() as u64;
        let position = self.commits.last().map_or(1, |last| last.last_position() + 1);
        let first_version = self.version + 1;
        self.version += events.len() as u64;
        let commit = Commit {
            company: self.id.clone(),
            first_version,
            command: CommandId(Ulid(u128::from(n) + 1)),
            body: Digest::default(),
            actor: "jane@acme.example".to_owned().into(),
            at: at(n),
            correlation: None,
            causation: None,
            traceparent: None,
            schema: SCHEMA,
            result: Value::Null,
            previous: Digest::default(),
            events,
            authenticated: None,
        };
        self.commits.push(RecordedCommit { position, hash: Digest([7; 32]), commit });
        self
    }

    pub(crate) fn commits(&self) -> &[RecordedCommit] {
        &self.commits
    }

    /// Calls `each` for every event in order, until the first error.
    pub(crate) fn each_event<E>(
        &self,
        mut each: impl FnMut(&RecordedEvent<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.commits
            .iter()
            .flat_map(RecordedCommit::events)
            .try_for_each(|recorded| each(&recorded))
    }

    /// The rows of all read models.
    pub(crate) fn rows(&self) -> MemoryRows {
        let mut rows = MemoryRows::default();
        self.each_event(|recorded| crate::apply(recorded, &mut rows)).unwrap();
        rows
    }

    /// The first page of a query.
    #[track_caller]
    pub(crate) fn query(&self, name: &str, params: &Value) -> Vec<Value> {
        query_page(&self.rows(), name, params).0
    }

    /// The row of a query that answers with one row.
    #[track_caller]
    pub(crate) fn query_row(&self, name: &str, params: &Value) -> Value {
        match answer(name, &self.id, params, &self.rows()) {
            Ok(RowsAnswer::Row(row)) => row.value(),
            other => panic!("{name}: {other:?}"),
        }
    }

    /// The code of the query's refusal.
    #[track_caller]
    pub(crate) fn refusal(&self, name: &str, params: &Value) -> &'static str {
        match answer(name, &self.id, params, &self.rows()) {
            Err(QueryError::Refused(refusal)) => refusal.code.as_str(),
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// One page of a query of the company `acme`, and the cursor of the next page.
#[track_caller]
pub(crate) fn query_page(
    rows: &MemoryRows,
    name: &str,
    params: &Value,
) -> (Vec<Value>, Option<String>) {
    match answer(name, &"acme".parse().unwrap(), params, rows) {
        Ok(RowsAnswer::Rows { rows, next }) => (rows.iter().map(AnswerRow::value).collect(), next),
        other => panic!("{name}: {other:?}"),
    }
}

/// The CSV export of a query.
#[track_caller]
pub(crate) fn csv_export(query: &str, format: CsvFormat) -> CsvExport {
    find_query(query).unwrap().csv_export(format).unwrap()
}

/// The values of one field, row by row.
#[track_caller]
pub(crate) fn column(rows: &[Value], field: &str) -> Vec<Value> {
    rows.iter().map(|row| row.get(field).expect(field).clone()).collect()
}

/// The time of the n-th commit, from 0.
pub(crate) fn at(n: u64) -> Time {
    "2026-11-21T08:00:00Z".parse::<Time>().unwrap().plus_seconds(n)
}

pub(crate) fn run(n: u128) -> RunId {
    RunId(Ulid(n))
}

pub(crate) fn import(n: u128) -> ImportId {
    ImportId(Ulid(n))
}

pub(crate) fn who(user: &str) -> Who {
    UserKey::new(user).into()
}

pub(crate) fn person(user: &str) -> Person {
    Person {
        first_name: Some(user.to_uppercase()),
        last_name: Some("Hudson".to_owned()),
        email: Some(format!("{user}@acme.example")),
        phone: None,
        attributes: BTreeMap::new(),
    }
}

pub(crate) fn created(user: &str) -> Event {
    created_by_row(user, None)
}

pub(crate) fn created_by_row(user: &str, row: Option<RowRef>) -> Event {
    Event::UserCreated {
        user: who(user),
        person: person(user).into(),
        org_unit: Some("Sales".to_owned()),
        roles: vec!["Agent".to_owned()],
        active: true,
        row,
    }
}

pub(crate) fn row(import_number: u128, row: u64) -> RowRef {
    RowRef::new(import(import_number), row, row + 1)
}

pub(crate) fn accepted(n: u128, total: u64) -> Event {
    Event::ImportAccepted {
        import: import(n),
        files: vec![FileRef { name: "people.csv".to_owned(), sha256: "ab".repeat(32), bytes: 9 }],
        options: ImportOptions {
            dialect: "leapxpert".to_owned(),
            existing: Existing::Skip,
            blank_means: BlankMeans::Keep,
            add_to_corporate_phones: true,
            send_welcome_email: false,
            assume_plus: false,
            encoding: "UTF-8".to_owned(),
            delimiter: ',',
            columns: BTreeMap::new(),
        },
        total,
        warnings: vec![],
        ignored: IgnoredRows::default(),
    }
}

pub(crate) fn import_completed(n: u128, counts: Counts) -> Event {
    Event::ImportCompleted { import: import(n), counts }
}

pub(crate) fn requested(n: u128, total: u64) -> Event {
    Event::RunRequested {
        run: run(n),
        channel: Channel::Whatsapp,
        source: Source::Import(import(1)),
        total,
        duplicates_removed: 0,
        not_before: None,
        list_version: None,
    }
}

pub(crate) fn recipient(n: u128, user: &str) -> Event {
    Event::RecipientQueued { run: run(n), user: who(user) }
}

pub(crate) fn queued(n: u128) -> Event {
    Event::RunQueued { run: run(n) }
}

pub(crate) fn started(n: u128) -> Event {
    Event::RunStarted { run: run(n) }
}

pub(crate) fn completed(n: u128, passed: u64, skipped: u64, failed: u64) -> Event {
    Event::RunCompleted { run: run(n), passed, skipped, failed }
}

/// The invitation of a user: the same for every run.
pub(crate) fn invitation(user: &str) -> InvitationId {
    InvitationId(Ulid(user.bytes().fold(0, |id, byte| id * 256 + u128::from(byte))))
}

pub(crate) fn dispatched(n: u128, user: &str, attempt: u32, generation: u32) -> Event {
    Event::InviteDispatched {
        run: run(n),
        user: who(user),
        attempt,
        invitation: invitation(user),
        generation,
        email: format!("{user}@acme.example").into(),
        message_id: format!("<{n}.{user}@boarding.invalid>"),
        via: "outbox".to_owned(),
        template: Some(Wording { language: "en".to_owned(), version: attempt.into() }),
        sent_on: None,
        device: None,
    }
}

pub(crate) fn sent(n: u128, user: &str, attempt: u32) -> Event {
    Event::InviteSent {
        run: run(n),
        user: who(user),
        attempt,
        message_id: format!("<{n}.{user}@boarding.invalid>"),
        expires_at: at(24 * 3600),
    }
}

pub(crate) fn number(n: u64) -> Personal<Phone> {
    Phone::parse(&format!("+1212555{n:04}")).unwrap().into()
}

pub(crate) fn number_added(n: u64, org_unit: Option<&str>) -> Event {
    Event::NumberAdded { number: number(n), org_unit: org_unit.map(str::to_owned) }
}

pub(crate) fn number_assigned(n: u64, user: &str) -> Event {
    Event::NumberAssigned { number: number(n), user: who(user), import: None }
}

pub(crate) fn account_opened(user: &str) -> Event {
    Event::AccountOpened { user: who(user), import: None }
}

pub(crate) fn org_unit_defined(name: &str, parent: Option<&str>) -> Event {
    let parent = parent.map(str::to_owned);
    Event::OrgUnitDefined {
        org_unit: name.to_owned(),
        parent,
        level: None,
        roles: vec![],
        default_permission_group: None,
    }
}
