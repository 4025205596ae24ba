//! History: where to find the events about one thing, and their JSON (query `history`).
//!
//! The engine reads the events from the log. [`versions`] lists the versions to read,
//! [`Entity::concerns`] selects the events, [`event_json`] gives the JSON of each. Without an
//! entity, the history is the whole log of the company.

mod entity;

use std::ops::{ControlFlow, RangeInclusive};

use boarding_commands::commit::RecordedEvent;
use boarding_commands::event::{Event, Permission};
use boarding_commands::schema::AnyId;
use boarding_commands::values::{CommandId, CompanyId, Digest, Personal, Time};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use ulid::Ulid;

pub use entity::Entity;

use crate::projection::{Projection, scan};
use crate::projector::Projector;
use crate::read_model::ReadModel;
use crate::rows::{Rows, RowsError, Table};
use crate::tables::runs::RunOrderProjection;
use crate::tables::{imports, recipients, runs, users};
use crate::{numbers, phone_list};

pub(crate) const MODEL: ReadModel = ReadModel {
    projectors: &[
        Projector::of::<ProcessCommitProjection>(),
        Projector::of::<UserEventProjection>(),
    ],
    queries: &[],
};

/// The permission that an actor needs for a history: that of the entity, or to administer.
pub fn permission(entity: Option<&Entity>) -> Permission {
    match entity {
        Some(Entity::Import(_)) => Permission::BulkImportUsers,
        Some(Entity::Run(_) | Entity::User(_) | Entity::Phone(_)) => Permission::BulkIntegrateUsers,
        None => Permission::Administer,
    }
}

/// Version ranges that contain every event about the entity, oldest first.
///
/// The ranges also contain other events: check each with [`Entity::concerns`]. The list is empty
/// if no event is about the entity.
///
/// # Errors
/// [`RowsError`] if the rows cannot be read.
pub fn versions(
    rows: &dyn Rows,
    company: &CompanyId,
    entity: &Entity,
) -> Result<Vec<RangeInclusive<u64>>, RowsError> {
    match entity {
        Entity::Run(run) => commits(rows, company, &commit_prefix(RUN, runs::key(*run))),
        Entity::Import(import) => {
            commits(rows, company, &commit_prefix(IMPORT, imports::key(*import)))
        }
        Entity::User(user) => versions_of_user(rows, company, &user.folded()).map(single_ranges),
        Entity::Phone(phone) => {
            let listed = phone_list::find(rows, company, *phone)?;
            let pooled = numbers::find(rows, company, *phone)?;
            let mut versions = listed.map(|phone| phone.versions).unwrap_or_default();
            versions.extend(pooled.map(|number| number.versions).unwrap_or_default());
            versions.sort_unstable();
            Ok(single_ranges(versions))
        }
    }
}

/// An event as it is published: position, envelope and fields.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PublishedEvent<'a> {
    /// The position in the whole log.
    position: u64,
    /// The version in the company's history, from 1 without gaps.
    version: u64,
    /// The event's name.
    event: &'a str,
    at: Time,
    /// The actor of the command that led to the event.
    actor: &'a Personal<String>,
    /// The user that the NATS server has authenticated. Null where the set-up cannot tell, and for the engine's own
    /// commands.
    authenticated: &'a Option<Personal<String>>,
    command: CommandId,
    /// The import, run or external process that the event belongs to.
    #[schemars(with = "Option<AnyId>")]
    correlation: Option<Ulid>,
    /// The BLAKE3 hash of the commit, which includes the hash of the commit before.
    hash: Digest,
    /// The event's own fields.
    data: Value,
}

impl<'a> PublishedEvent<'a> {
    /// The event as the query and the event feed show it.
    pub(crate) fn of(recorded: &RecordedEvent<'a>) -> Self {
        let tagged = serde_json::to_value(recorded.event).unwrap_or_default();
        let data = match tagged {
            Value::Object(fields) => fields.into_values().next().unwrap_or_default(),
            other => other,
        };
        Self {
            position: recorded.position,
            version: recorded.version,
            event: recorded.event.name(),
            at: recorded.commit.at,
            actor: &recorded.commit.actor,
            authenticated: &recorded.commit.authenticated,
            command: recorded.commit.command,
            correlation: recorded.commit.correlation,
            hash: recorded.hash,
            data,
        }
    }
}

/// The JSON of an event, as the query and the event feed show it.
pub fn event_json(recorded: &RecordedEvent<'_>) -> Value {
    json!(PublishedEvent::of(recorded))
}

/// Commits by run or import, and version. A commit with many events has one row.
#[derive(Debug)]
pub(crate) struct ProcessCommitProjection;

/// The first byte of a run's keys.
const RUN: u8 = b'r';
/// The first byte of an import's keys.
const IMPORT: u8 = b'i';

impl Projection for ProcessCommitProjection {
    const TABLE: Table = Table::HistoryCommits;
    const VERSION: u32 = 1;
    const READS: bool = false;
    /// The version of the commit's last event. The key has the version of its first event.
    type Row = u64;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        let prefix = commit_prefix_of(recorded.event)?;
        // Events about one process stand side by side in a commit. If the event before is about
        // the same process, it has already written the row.
        let nth = usize::try_from(recorded.version - recorded.commit.first_version).ok()?;
        let before = nth.checked_sub(1).and_then(|nth| recorded.commit.events.get(nth));
        if before.and_then(commit_prefix_of) == Some(prefix) {
            return None;
        }
        Some([prefix.as_slice(), &recorded.commit.first_version.to_be_bytes()].concat())
    }

    fn evolve(_: Option<u64>, recorded: &RecordedEvent<'_>) -> Option<u64> {
        Some(recorded.commit.last_version())
    }
}

/// The length of a key prefix: one byte for the kind and 16 bytes for the id.
const COMMIT_PREFIX_BYTES: usize = 17;

fn commit_prefix_of(event: &Event) -> Option<[u8; COMMIT_PREFIX_BYTES]> {
    match Entity::of_process(event)? {
        Entity::Run(run) => Some(commit_prefix(RUN, runs::key(run))),
        Entity::Import(import) => Some(commit_prefix(IMPORT, imports::key(import))),
        Entity::User(_) | Entity::Phone(_) => None,
    }
}

fn commit_prefix(kind: u8, id: [u8; 16]) -> [u8; COMMIT_PREFIX_BYTES] {
    let mut prefix = [kind; COMMIT_PREFIX_BYTES];
    prefix.iter_mut().skip(1).zip(id).for_each(|(to, from)| *to = from);
    prefix
}

fn commits(
    rows: &dyn Rows,
    company: &CompanyId,
    prefix: &[u8],
) -> Result<Vec<RangeInclusive<u64>>, RowsError> {
    collect::<ProcessCommitProjection, _>(rows, company, prefix, |key, last| {
        Some(version_at_end(key)?..=last)
    })
}

/// Events by user and version, except events that another table lists.
///
/// The user's row lists creation, removal and phones. The recipient's row lists events of a run.
#[derive(Debug)]
pub(crate) struct UserEventProjection;

impl Projection for UserEventProjection {
    const TABLE: Table = Table::HistoryPeople;
    const VERSION: u32 = 2;
    const READS: bool = false;
    /// Whether the event changed something about the user. An unchanged row of a file did not.
    type Row = bool;

    fn key(recorded: &RecordedEvent<'_>) -> Option<Vec<u8>> {
        let is_in_user_row = matches!(
            recorded.event,
            Event::UserCreated { .. }
                | Event::UserRemoved { .. }
                | Event::CorporatePhoneAdded { .. }
                | Event::CorporatePhoneRemoved { .. }
        );
        let subjects = recorded.event.subjects();
        if is_in_user_row || subjects.run.is_some() {
            return None;
        }
        let user = subjects.user?;
        Some([&user_prefix(&user.folded()), recorded.version.to_be_bytes().as_slice()].concat())
    }

    fn evolve(_: Option<bool>, recorded: &RecordedEvent<'_>) -> Option<bool> {
        Some(changes_user(recorded.event))
    }
}

/// Whether an event about a user changed what a person may ask about: whether the user exists and may be invited, where
/// the mail goes, and whether the link works.
fn changes_user(event: &Event) -> bool {
    match event {
        Event::RowUnchanged { .. }
        | Event::RowRefused { .. }
        | Event::RolesAssigned { .. }
        | Event::PictureInserted { .. }
        | Event::PictureRemoved { .. } => false,
        // Of the changes of values, those that decide about the mail and the selection.
        Event::UserUpdated { changed, .. } => {
            changed.iter().any(|name| matches!(name.as_str(), "email" | "phone" | "org_unit"))
        }
        _ => true,
    }
}

/// The key prefix of a user. No user key contains a zero byte, so no prefix begins with another.
fn user_prefix(folded: &str) -> Vec<u8> {
    [folded.as_bytes(), &[0]].concat()
}

/// The versions of all events about the user of this folded key, oldest first.
pub(crate) fn versions_of_user(
    rows: &dyn Rows,
    company: &CompanyId,
    folded: &str,
) -> Result<Vec<u64>, RowsError> {
    let events = events_of_user(rows, company, folded)?;
    Ok(events.into_iter().map(|(version, _)| version).collect())
}

/// As [`versions_of_user`], with whether each event changed something about the user.
pub(crate) fn events_of_user(
    rows: &dyn Rows,
    company: &CompanyId,
    folded: &str,
) -> Result<Vec<(u64, bool)>, RowsError> {
    let mut events: Vec<_> = users::versions(rows, company, folded)?
        .into_iter()
        .map(|version| (version, true))
        .collect();
    let prefix = user_prefix(folded);
    events.extend(collect::<UserEventProjection, _>(rows, company, &prefix, |key, changes| {
        let is_of_user = key.len() == prefix.len() + size_of::<u64>();
        Some((version_at_end(key).filter(|_| is_of_user)?, changes))
    })?);
    // A company has far fewer runs than a run has recipients. One lookup for each run is cheaper
    // than one more row for each recipient.
    for run in collect::<RunOrderProjection, _>(rows, company, &[], |_, run| Some(run))? {
        if let Some(recipient) = recipients::find(rows, company, run, folded)? {
            events.extend(recipient.versions.into_iter().map(|version| (version, true)));
        }
    }
    events.sort_unstable();
    events.dedup_by_key(|(version, _)| *version);
    Ok(events)
}

/// The values that `pick` returns for the stored rows under the prefix.
pub(crate) fn collect<P: Projection, T>(
    rows: &dyn Rows,
    company: &CompanyId,
    prefix: &[u8],
    mut pick: impl FnMut(&[u8], P::Row) -> Option<T>,
) -> Result<Vec<T>, RowsError> {
    let mut found = Vec::new();
    scan::<P>(rows, company, prefix, &[], |key, row| {
        found.extend(pick(key, row));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// The version at the end of a key; none for a key that is too short.
pub(crate) fn version_at_end(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

fn single_ranges(versions: Vec<u64>) -> Vec<RangeInclusive<u64>> {
    versions.into_iter().map(|version| version..=version).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        TestCompany, at, completed, created, dispatched, queued, recipient, requested, run, sent,
        started,
    };
    use boarding_commands::commit::RecordedCommit;
    use boarding_commands::values::UserKey;

    #[test]
    fn each_commit_of_a_run_is_listed_once() {
        let company = TestCompany::new("acme")
            .commit([created("ann"), created("bob")])
            .commit([
                requested(1, 2),
                recipient(1, "ann"),
                recipient(1, "bob"),
                queued(1),
                started(1),
            ])
            .commit([requested(2, 1), recipient(2, "bob"), queued(2)])
            .commit([dispatched(1, "ann", 1, 1)])
            .commit([sent(1, "ann", 1), completed(1, 1, 0, 1), started(2)]);
        let of = |n| versions(&company.rows(), company.id(), &Entity::Run(run(n))).unwrap();
        assert_eq!(of(1), [3..=7, 11..=11, 12..=14]);
        assert_eq!(of(2), [8..=10, 12..=14]);
        assert_eq!(of(3), []);
        let bob = Entity::User(UserKey::new("BOB"));
        assert_eq!(versions(&company.rows(), company.id(), &bob).unwrap(), [2..=2, 5..=5, 9..=9]);
    }

    #[test]
    fn event_is_shown_with_position_envelope_and_fields() {
        let company =
            TestCompany::new("acme").commit([queued(1)]).commit([started(1), recipient(1, "ann")]);
        let mut shown = Vec::new();
        shown.extend(
            company
                .commits()
                .iter()
                .flat_map(RecordedCommit::events)
                .map(|recorded| event_json(&recorded)),
        );
        assert_eq!(
            shown[2],
            json!({"position": 3, "version": 3, "event": "RecipientQueued", "at": at(1),
                "actor": "jane@acme.example", "authenticated": null, "command": "00000000000000000000000002",
                "correlation": null, "hash": "07".repeat(32), "data": {"run": run(1), "user": "ann"}})
        );
    }

    /// LX-01, LX-02: the history is no way around a permission.
    #[test]
    fn history_needs_the_permission_of_its_entity() {
        let of = |entity: &str| permission(Some(&entity.parse().unwrap()));
        assert_eq!(of(&format!("run:{}", run(1))), Permission::BulkIntegrateUsers);
        assert_eq!(of("user:ann"), Permission::BulkIntegrateUsers);
        assert_eq!(of(&format!("import:{}", run(1))), Permission::BulkImportUsers);
        assert_eq!(permission(None), Permission::Administer);
    }
}
