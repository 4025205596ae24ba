//! History: where the facts about one thing stand in its company's log, and how each is shown (query `history`).
//!
//! The facts are read from the log itself, by the engine: [`places`] says which versions to read,
//! [`Entity::concerns`] which of the facts found there belong, [`row`] how each is shown. Without an
//! entity the whole log of the company is its history.

use std::ops::{ControlFlow, RangeInclusive};
use std::str::FromStr;

use boarding_commands::code::{Code, Refusal};
use boarding_commands::commit::Fact;
use boarding_commands::event::{Event, Permission, Who};
use boarding_commands::id::{CompanyId, ImportId, RunId, UserKey};
use boarding_commands::phone::Phone;
use serde_json::{Value, json};

use crate::projection::{Projection, Projector, decode};
use crate::rows::{Rows, RowsError, Table};
use crate::runs::RunOrder;
use crate::{ReadModel, imports, integration_log, phone_list, runs, users};

pub const MODEL: ReadModel = ReadModel {
    projectors: &[Projector::of::<Commits>(), Projector::of::<People>()],
    queries: &[],
};

/// A thing with a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entity {
    Run(RunId),
    Import(ImportId),
    User(UserKey),
    Phone(Phone),
}

impl FromStr for Entity {
    type Err = Refusal;

    /// Reads `run:<id>`, `import:<id>`, `user:<key>`, `phone:<e164>`.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let read = |kind: &str, name: &str| match kind {
            "run" => name.parse().ok().map(Self::Run),
            "import" => name.parse().ok().map(Self::Import),
            "user" if !name.trim().is_empty() => Some(Self::User(UserKey::new(name))),
            "phone" => Phone::parse(name).ok().map(Self::Phone),
            _ => None,
        };
        text.split_once(':').and_then(|(kind, name)| read(kind, name)).ok_or_else(|| {
            Refusal::new(Code::QueryMalformed)
                .saying("entity: expected run:<id>, import:<id>, user:<key> or phone:<E.164>")
                .with(json!({"parameter": "entity"}))
        })
    }
}

impl Entity {
    /// Whether a fact is about this thing.
    pub fn concerns(&self, event: &Event) -> bool {
        match self {
            Self::Run(run) => run_of(event) == Some(*run),
            Self::Import(import) => import_of(event) == Some(*import),
            Self::User(user) => who(event).is_some_and(|who| who.folded() == user.folded()),
            Self::Phone(phone) => phone_of(event) == Some(*phone),
        }
    }
}

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
            let phone = phone_list::find(rows, company, *phone)?;
            Ok(singles(phone.map(|phone| phone.versions).unwrap_or_default()))
        }
    }
}

/// A fact as the query shows it.
pub fn row(fact: &Fact<'_>) -> Value {
    let tagged = serde_json::to_value(fact.event).unwrap_or_default();
    let data = match tagged {
        Value::Object(fields) => fields.into_values().next().unwrap_or_default(),
        other => other,
    };
    json!({
        "position": fact.position,
        "version": fact.version,
        "event": fact.event.name(),
        "at": fact.commit.at,
        "actor": fact.commit.actor,
        "command": fact.commit.command,
        "correlation": fact.commit.correlation,
        "hash": fact.hash,
        "data": data,
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
    match (run_of(event), import_of(event)) {
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
                | Event::CorporatePhoneAdded { .. }
                | Event::CorporatePhoneRemoved { .. }
        );
        if kept_in_users || run_of(fact.event).is_some() {
            return None;
        }
        let who = who(fact.event)?;
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
    let user = users::find(rows, company, folded)?;
    let mut versions = user.map(|user| user.versions).unwrap_or_default();
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

fn run_of(event: &Event) -> Option<RunId> {
    match event {
        Event::RunRequested { run, .. }
        | Event::RecipientQueued { run, .. }
        | Event::RunScheduled { run, .. }
        | Event::RunQueued { run }
        | Event::RunStarted { run }
        | Event::RunCompleted { run, .. }
        | Event::RunWithdrawn { run }
        | Event::InviteDispatched { run, .. }
        | Event::InviteDeferred { run, .. }
        | Event::InviteSent { run, .. }
        | Event::UserSkipped { run, .. }
        | Event::InviteFailed { run, .. }
        | Event::DeliveryRecorded { run, .. } => Some(*run),
        _ => None,
    }
}

fn import_of(event: &Event) -> Option<ImportId> {
    match event {
        Event::ImportAccepted { import, .. }
        | Event::ImportCompleted { import, .. }
        | Event::WelcomeEmailRequested { import, .. } => Some(*import),
        Event::CorporatePhoneAdded { import, .. } => *import,
        _ => event.row().map(|(_, row)| row.import),
    }
}

fn who(event: &Event) -> Option<&Who> {
    match event {
        Event::UserCreated { user, .. }
        | Event::UserUpdated { user, .. }
        | Event::UserActivated { user, .. }
        | Event::UserDeactivated { user, .. }
        | Event::UserArchived { user }
        | Event::UserRestored { user }
        | Event::RolesAssigned { user, .. }
        | Event::RolesRemoved { user, .. }
        | Event::CorporatePhoneAdded { user, .. }
        | Event::CorporatePhoneRemoved { user, .. }
        | Event::RowUnchanged { user, .. }
        | Event::WelcomeEmailRequested { user, .. }
        | Event::RecipientQueued { user, .. }
        | Event::InviteDispatched { user, .. }
        | Event::InviteDeferred { user, .. }
        | Event::InviteSent { user, .. }
        | Event::UserSkipped { user, .. }
        | Event::InviteFailed { user, .. }
        | Event::UserLinked { user, .. }
        | Event::UserUnlinked { user, .. }
        | Event::InvitationExpired { user, .. }
        | Event::InvitationRevoked { user, .. }
        | Event::DeliveryRecorded { user, .. }
        | Event::NotificationDispatched { user, .. } => Some(user),
        Event::RowRefused { user, .. } => user.as_ref(),
        _ => None,
    }
}

fn phone_of(event: &Event) -> Option<Phone> {
    match event {
        Event::CorporatePhoneAdded { phone, .. } | Event::CorporatePhoneRemoved { phone, .. } => {
            Some(**phone)
        }
        _ => None,
    }
}
