//! History: where the facts about one thing stand in its company's log, and how each is shown (query `history`).
//!
//! The facts are read from the log itself, by the engine: [`places`] says which versions to read,
//! [`Entity::concerns`] which of the facts found there belong, [`row`] how each is shown. Without an
//! entity the whole log of the company is its history.

mod entity;

use std::ops::{ControlFlow, RangeInclusive};

use boarding_commands::commit::Fact;
use boarding_commands::event::{Event, Permission};
use boarding_commands::schema::AnyId;
use boarding_commands::values::{CommandId, CompanyId, Digest, Personal, Time};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use ulid::Ulid;

pub use entity::Entity;
pub(crate) use entity::number_of;

use crate::projection::{Projection, Projector, decode};
use crate::rows::{Rows, RowsError, Table};
use crate::runs::RunOrder;
use crate::{ReadModel, imports, integration_log, numbers, phone_list, runs, users};

pub const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<Commits>(), Projector::of::<People>()],
    queries: &[],
};

/// What an actor needs to see a history (LX-01, LX-02): as for the thing itself; of everything, to administer.
pub fn permission(entity: Option<&Entity>) -> Permission {
    match entity {
        Some(Entity::Import(_)) => Permission::BulkImportUsers,
        Some(Entity::Run(_) | Entity::User(_) | Entity::Phone(_)) => Permission::BulkIntegrateUsers,
        None => Permission::Administer,
    }
}

/// The versions at which the facts about a thing stand, oldest first, and some of its neighbours: ask
/// [`Entity::concerns`] of each. Empty for a thing that was never heard of.
///
/// # Errors
/// When the rows cannot be read.
pub fn places(
    rows: &dyn Rows,
    company: &CompanyId,
    entity: &Entity,
) -> Result<Vec<RangeInclusive<u64>>, RowsError> {
    match entity {
        Entity::Run(run) => commits(rows, company, &commit_prefix(RUN, runs::key(*run))),
        Entity::Import(import) => {
            commits(rows, company, &commit_prefix(IMPORT, imports::key(*import)))
        }
        Entity::User(user) => versions_of_user(rows, company, &user.folded()).map(singles),
        Entity::Phone(phone) => {
            let listed = phone_list::find(rows, company, *phone)?;
            let pooled = numbers::find(rows, company, *phone)?;
            let mut versions = listed.map(|phone| phone.versions).unwrap_or_default();
            versions.extend(pooled.map(|number| number.versions).unwrap_or_default());
            versions.sort_unstable();
            Ok(singles(versions))
        }
    }
}

/// A fact as it is published: its place, its envelope and its fields.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Published<'a> {
    /// Its place in the whole log.
    position: u64,
    /// Its place in its company's history, without gaps from 1.
    version: u64,
    /// The event's name.
    event: &'a str,
    at: Time,
    /// Who asked for what led to it.
    actor: &'a Personal<String>,
    command: CommandId,
    /// The import, run or foreign process that it belongs to.
    #[schemars(with = "Option<AnyId>")]
    correlation: Option<Ulid>,
    /// The BLAKE3 hash of its commit, which holds the one before.
    hash: Digest,
    /// The event's own fields.
    data: Value,
}

/// A fact as the query shows it.
pub fn row(fact: &Fact<'_>) -> Value {
    let tagged = serde_json::to_value(fact.event).unwrap_or_default();
    let data = match tagged {
        Value::Object(fields) => fields.into_values().next().unwrap_or_default(),
        other => other,
    };
    json!(Published {
        position: fact.position,
        version: fact.version,
        event: fact.event.name(),
        at: fact.commit.at,
        actor: &fact.commit.actor,
        command: fact.commit.command,
        correlation: fact.commit.correlation,
        hash: fact.hash,
        data,
    })
}

/// Where the facts about runs and imports stand: one row a commit, however many facts it holds.
#[derive(Debug)]
pub struct Commits;

/// What keys of runs begin with.
const RUN: u8 = b'r';
/// What keys of imports begin with.
const IMPORT: u8 = b'i';

impl Projection for Commits {
    const TABLE: Table = Table::HistoryCommits;
    const VERSION: u32 = 1;
    const READS: bool = false;
    /// The version of the commit's last fact; its first one's is in the key.
    type Row = u64;

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        let prefix = commit_prefix_of(fact.event)?;
        // Facts about one thing come in a row, so the fact before says whether the row is written.
        let nth = usize::try_from(fact.version - fact.commit.first_version).ok()?;
        let before = nth.checked_sub(1).and_then(|nth| fact.commit.events.get(nth));
        if before.and_then(commit_prefix_of) == Some(prefix) {
            return None;
        }
        Some([prefix.as_slice(), &fact.commit.first_version.to_be_bytes()].concat())
    }

    fn evolve(_: Option<u64>, fact: &Fact<'_>) -> Option<u64> {
        Some(fact.commit.last_version())
    }
}

/// The length of what the keys of a run's or import's commits begin with: the kind and the id.
const COMMIT_PREFIX_BYTES: usize = 17;

fn commit_prefix_of(event: &Event) -> Option<[u8; COMMIT_PREFIX_BYTES]> {
    let subjects = event.subjects();
    match (subjects.run, subjects.import) {
        (Some(run), _) => Some(commit_prefix(RUN, runs::key(run))),
        (None, Some(import)) => Some(commit_prefix(IMPORT, imports::key(import))),
        (None, None) => None,
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
    each::<Commits, _>(rows, company, prefix, |key, last| Some(version_at_end(key)?..=last))
}

/// Where the facts about people stand that neither their own row nor a run's log knows of.
#[derive(Debug)]
pub struct People;

impl Projection for People {
    const TABLE: Table = Table::HistoryPeople;
    const VERSION: u32 = 1;
    const READS: bool = false;
    type Row = ();

    fn key(fact: &Fact<'_>) -> Option<Vec<u8>> {
        let kept_in_users = matches!(
            fact.event,
            Event::UserCreated { .. }
                | Event::UserRemoved { .. }
                | Event::CorporatePhoneAdded { .. }
                | Event::CorporatePhoneRemoved { .. }
        );
        let subjects = fact.event.subjects();
        if kept_in_users || subjects.run.is_some() {
            return None;
        }
        let who = subjects.user?;
        Some([&person_prefix(&who.folded()), fact.version.to_be_bytes().as_slice()].concat())
    }

    fn evolve(_: Option<()>, _: &Fact<'_>) -> Option<()> {
        Some(())
    }
}

/// A zero byte ends the key, so that no user's begins with another's: no key holds one.
fn person_prefix(folded: &str) -> Vec<u8> {
    [folded.as_bytes(), &[0]].concat()
}

fn versions_of_user(
    rows: &dyn Rows,
    company: &CompanyId,
    folded: &str,
) -> Result<Vec<u64>, RowsError> {
    let mut versions = users::versions(rows, company, folded)?;
    let prefix = person_prefix(folded);
    versions.extend(each::<People, _>(rows, company, &prefix, |key, ()| {
        (key.len() == prefix.len() + size_of::<u64>()).then(|| version_at_end(key)).flatten()
    })?);
    // A company has far fewer runs than a run has people: looking into each is cheaper than writing
    // one more row for every recipient.
    for run in each::<RunOrder, _>(rows, company, &[], |_, run| Some(run))? {
        if let Some(entry) = integration_log::find(rows, company, run, folded)? {
            versions.extend(entry.versions);
        }
    }
    versions.sort_unstable();
    versions.dedup();
    Ok(versions)
}

/// Every stored row under a prefix, as `pick` sees it.
fn each<P: Projection, T>(
    rows: &dyn Rows,
    company: &CompanyId,
    prefix: &[u8],
    mut pick: impl FnMut(&[u8], P::Row) -> Option<T>,
) -> Result<Vec<T>, RowsError> {
    let mut found = Ok(Vec::new());
    rows.scan(P::TABLE, company, prefix, &[], &mut |key, bytes| match decode::<P>(bytes) {
        Ok(row) => {
            if let Ok(found) = &mut found {
                found.extend(pick(key, row));
            }
            ControlFlow::Continue(())
        }
        Err(error) => {
            found = Err(error);
            ControlFlow::Break(())
        }
    })?;
    found
}

fn version_at_end(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

fn singles(versions: Vec<u64>) -> Vec<RangeInclusive<u64>> {
    versions.into_iter().map(|version| version..=version).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        Story, at, completed, created, dispatched, queued, recipient, requested, run, sent, started,
    };
    use boarding_commands::commit::Recorded;
    use boarding_commands::values::UserKey;

    #[test]
    fn a_run_is_in_each_commit_once_however_many_facts_it_holds() {
        let story = Story::of("acme")
            .then([created("ann"), created("bob")])
            .then([
                requested(1, 2),
                recipient(1, "ann"),
                recipient(1, "bob"),
                queued(1),
                started(1),
            ])
            .then([requested(2, 1), recipient(2, "bob"), queued(2)])
            .then([dispatched(1, "ann", 1, 1)])
            .then([sent(1, "ann", 1), completed(1, 1, 0, 1), started(2)]);
        let of = |n| places(&story.rows(), story.company(), &Entity::Run(run(n))).unwrap();
        assert_eq!(of(1), [3..=7, 11..=11, 12..=14]);
        assert_eq!(of(2), [8..=10, 12..=14]);
        assert_eq!(of(3), []);
        let bob = Entity::User(UserKey::new("BOB"));
        assert_eq!(places(&story.rows(), story.company(), &bob).unwrap(), [2..=2, 5..=5, 9..=9]);
    }

    #[test]
    fn a_fact_is_shown_with_its_place_its_envelope_and_its_fields() {
        let story = Story::of("acme").then([queued(1)]).then([started(1), recipient(1, "ann")]);
        let mut shown = Vec::new();
        shown.extend(story.commits().iter().flat_map(Recorded::facts).map(|fact| row(&fact)));
        assert_eq!(
            shown[2],
            json!({"position": 3, "version": 3, "event": "RecipientQueued", "at": at(1),
                "actor": "jane@acme.example", "command": "00000000000000000000000002",
                "correlation": null, "hash": "07".repeat(32), "data": {"run": run(1), "user": "ann"}})
        );
    }

    /// LX-01, LX-02: nobody gets round a permission by way of the history.
    #[test]
    fn a_history_asks_for_the_permission_of_its_thing() {
        let of = |entity: &str| permission(Some(&entity.parse().unwrap()));
        assert_eq!(of(&format!("run:{}", run(1))), Permission::BulkIntegrateUsers);
        assert_eq!(of("user:ann"), Permission::BulkIntegrateUsers);
        assert_eq!(of(&format!("import:{}", run(1))), Permission::BulkImportUsers);
        assert_eq!(permission(None), Permission::Administer);
    }
}
