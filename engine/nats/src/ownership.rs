//! Which of several engines works for which company: leases in two key-value buckets of NATS.
//!
//! An engine lives as long as it renews its own entry in one bucket, whose entries end by themselves;
//! a company belongs to the engine that its entry in the other names, if that engine lives. Entries of
//! companies change by their revision only, so of two engines that take one, one gets it. This decides
//! who works, not who may append: that is the log's expected version, and an engine that was paused for
//! longer than its lease loses there.
//!
//! A bucket whose leader is gone takes nothing from anybody until the cluster has chosen another: no company
//! changes hands meanwhile, and whoever works goes on.

mod lease_health;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_nats::jetstream::kv::PutError;
use async_nats::jetstream::{self, kv};
use boarding_commands::values::CompanyId;
use boarding_core::ownership::Ownership;
use futures_util::StreamExt as _;
use tokio::sync::watch;
use tokio::task::JoinSet;
use ulid::Ulid;

use super::names::{ENGINES_BUCKET, OWNERS_BUCKET};
use crate::limits::{CLAIM_OWNER_TRIES, LEASE_SECONDS, RENEWALS_PER_LEASE};
use boarding_log::limits::NATS_ANSWER_SECONDS_MAX;
use lease_health::{LeaseHealth, has_no_leader};

/// The name of one start of an engine.
pub type EngineId = Ulid;

/// Who works for a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Me,
    Other(EngineId),
}

/// This engine among the others; cheap to clone. It leaves when the last clone is dropped, or by
/// [`CompanyOwners::leave`], which others notice at once.
#[derive(Debug, Clone)]
pub struct CompanyOwners(Arc<Member>);

#[derive(Debug)]
struct Member {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    me: EngineId,
    engines: kv::Store,
    owners: kv::Store,
    seen: RwLock<ClusterView>,
    /// Moves with every change of what was seen.
    changed: watch::Sender<u64>,
}

/// What the buckets said last.
#[derive(Debug, Default)]
struct ClusterView {
    /// Whether our own entry was renewed within the lease.
    alive: bool,
    engines: BTreeSet<EngineId>,
    owners: BTreeMap<CompanyId, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    engine: EngineId,
    revision: u64,
}

/// It is not known who works for a company; asking again may help.
#[derive(Debug, thiserror::Error)]
pub enum OwnershipError {
    #[error("make the bucket {bucket}")]
    Bucket { bucket: &'static str, source: async_nats::Error },
    #[error("say in {ENGINES_BUCKET} that this engine lives")]
    Renew(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("take company {company}")]
    Claim { company: CompanyId, source: async_nats::Error },
    #[error("take company {company}: its owner changed {CLAIM_OWNER_TRIES} times meanwhile")]
    Contended { company: CompanyId },
    #[error("take company {company}: this engine could not renew its lease")]
    Suspended { company: CompanyId },
}

impl CompanyOwners {
    /// Joins the engines on this NATS, under an id that no other start has.
    ///
    /// # Errors
    /// When the buckets cannot be made or written.
    pub async fn join(
        jetstream: &jetstream::Context,
        me: EngineId,
        replicas: usize,
    ) -> Result<Self, OwnershipError> {
        let lease = Duration::from_secs(LEASE_SECONDS);
        let engines = bucket(jetstream, ENGINES_BUCKET, lease, replicas).await?;
        let owners = bucket(jetstream, OWNERS_BUCKET, Duration::ZERO, replicas).await?;
        let (seen, changed) = (RwLock::default(), watch::Sender::new(0));
        let shared = Arc::new(Shared { me, engines, owners, seen, changed });
        shared.renew().await.map_err(|error| OwnershipError::Renew(error.into()))?;
        shared.look_at_engines().await;
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&shared).keep_alive());
        tasks.spawn(Arc::clone(&shared).follow_owners());
        Ok(Self(Arc::new(Member { shared, _tasks: tasks })))
    }

    pub fn me(&self) -> EngineId {
        self.0.shared.me
    }

    /// Moves whenever an engine or an owner has come or gone.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.shared.changed.subscribe()
    }

    /// Who works for the company, as far as is known; nobody if its engine is gone.
    pub fn owner(&self, company: &CompanyId) -> Option<Owner> {
        let seen = self.0.shared.read();
        let entry = seen.owners.get(company)?;
        seen.lives(self.me(), entry.engine).then(|| self.as_owner(entry.engine))
    }

    /// The companies whose engine is gone: somebody has to go on with them.
    pub fn orphans(&self) -> Vec<CompanyId> {
        let seen = self.0.shared.read();
        let gone =
            |entry: &Entry| !seen.lives(self.me(), entry.engine) && entry.engine != self.me();
        seen.owners.iter().filter(|(_, entry)| gone(entry)).map(|(id, _)| id.clone()).collect()
    }

    /// Takes the company if nobody works for it; says who does.
    ///
    /// # Errors
    /// When NATS does not answer, or this engine's own lease has ended.
    pub async fn claim(&self, company: &CompanyId) -> Result<Owner, OwnershipError> {
        let shared = &self.0.shared;
        for _ in 0..CLAIM_OWNER_TRIES {
            if !shared.read().alive {
                return Err(OwnershipError::Suspended { company: company.clone() });
            }
            if let Some(owner) = self.owner(company) {
                return Ok(owner);
            }
            let failed = |source| OwnershipError::Claim { company: company.clone(), source };
            if answered(shared.take(company)).await.map_err(failed)? {
                return Ok(Owner::Me);
            }
            answered(shared.look_at_owner(company)).await.map_err(failed)?;
        }
        Err(OwnershipError::Contended { company: company.clone() })
    }

    /// Gives a company back, so that another engine may take it at once.
    pub async fn release(&self, company: &CompanyId) {
        let shared = &self.0.shared;
        let entry = shared.read().owners.get(company).copied();
        if let Some(entry) = entry.filter(|entry| entry.engine == shared.me) {
            let given =
                shared.owners.delete_expect_revision(company.as_str(), Some(entry.revision)).await;
            if given.is_ok() {
                shared.forget(company);
            }
        }
    }

    /// Leaves: gives back every company, and ends the lease.
    pub async fn leave(&self) {
        let me = self.me();
        let mine: Vec<_> = {
            let seen = self.0.shared.read();
            let mine = seen.owners.iter().filter(|(_, entry)| entry.engine == me);
            mine.map(|(company, _)| company.clone()).collect()
        };
        for company in mine {
            self.release(&company).await;
        }
        let _ = self.0.shared.engines.delete(me.to_string()).await;
    }

    fn as_owner(&self, engine: EngineId) -> Owner {
        if engine == self.me() { Owner::Me } else { Owner::Other(engine) }
    }
}

impl Ownership for CompanyOwners {
    fn is_mine(&self, company: &CompanyId) -> bool {
        self.owner(company) == Some(Owner::Me)
    }
}

impl ClusterView {
    /// Whether an engine's lease holds. Our own does as long as we could renew it.
    fn lives(&self, me: EngineId, engine: EngineId) -> bool {
        if engine == me { self.alive } else { self.engines.contains(&engine) }
    }
}

impl Shared {
    fn read(&self) -> std::sync::RwLockReadGuard<'_, ClusterView> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut ClusterView)) {
        change(&mut self.seen.write().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_modify(|changes| *changes += 1);
    }

    fn forget(&self, company: &CompanyId) {
        self.change(|seen| {
            seen.owners.remove(company);
        });
    }

    async fn renew(&self) -> Result<(), PutError> {
        self.engines.put(self.me.to_string(), bytes::Bytes::new()).await?;
        if !self.read().alive {
            self.change(|seen| seen.alive = true);
        }
        Ok(())
    }

    /// Renews our lease and looks who else lives, several times a lease; never ends.
    async fn keep_alive(self: Arc<Self>) {
        let beat = Duration::from_secs(LEASE_SECONDS) / RENEWALS_PER_LEASE;
        let mut beats = tokio::time::interval(beat);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut health = LeaseHealth::default();
        loop {
            beats.tick().await;
            match tokio::time::timeout(beat, self.renew()).await {
                Ok(Ok(())) => health.renewed(),
                Ok(Err(error)) if has_no_leader(&error) => health.waited(),
                _ => health.missed(),
            }
            if health.is_over() && self.read().alive {
                tracing::warn!(engine = %self.me, "the lease could not be renewed: work stops here");
                self.change(|seen| seen.alive = false);
            }
            // A bucket without a leader tells nothing either, and asking would only make the next beat late.
            if health.is_steady()
                && let Ok(Some(engines)) = tokio::time::timeout(beat, self.living()).await
                && self.read().engines != engines
            {
                self.change(|seen| seen.engines = engines);
            }
        }
    }

    /// Which engines live; none if the bucket does not tell.
    async fn living(&self) -> Option<BTreeSet<EngineId>> {
        let mut keys = self.engines.keys().await.ok()?;
        let mut engines = BTreeSet::new();
        while let Some(key) = keys.next().await {
            engines.extend(key.ok()?.parse::<EngineId>());
        }
        Some(engines)
    }

    /// Looks who has come; who has gone is seen by the beat alone, which knows when nobody could renew.
    async fn look_at_engines(&self) {
        let Some(living) = self.living().await else { return };
        if !living.is_subset(&self.read().engines) {
            self.change(|seen| seen.engines.extend(living));
        }
    }

    /// Follows who owns what; never ends.
    async fn follow_owners(self: Arc<Self>) {
        let beat = Duration::from_secs(LEASE_SECONDS) / RENEWALS_PER_LEASE;
        let mut again = tokio::time::interval(beat);
        loop {
            again.tick().await;
            let Ok(mut entries) = self.owners.watch_with_history(">").await else { continue };
            while let Some(Ok(entry)) = entries.next().await {
                self.note(&entry);
            }
        }
    }

    fn note(&self, entry: &kv::Entry) {
        let Ok(company) = entry.key.parse::<CompanyId>() else { return };
        let engine = match entry.operation {
            kv::Operation::Put => {
                std::str::from_utf8(&entry.value).ok().and_then(|id| id.parse().ok())
            }
            kv::Operation::Delete | kv::Operation::Purge => None,
        };
        self.change(|seen| {
            let newer = seen.owners.get(&company).is_none_or(|old| old.revision < entry.revision);
            match engine {
                Some(engine) if newer => {
                    seen.owners.insert(company, Entry { engine, revision: entry.revision });
                }
                None if newer => {
                    seen.owners.remove(&company);
                }
                _ => {}
            }
        });
    }

    /// Looks at one company's entry; an engine that we do not know may just have come.
    async fn look_at_owner(&self, company: &CompanyId) -> Result<(), async_nats::Error> {
        match self.owners.entry(company.as_str()).await? {
            Some(entry) => self.note(&entry),
            None => self.forget(company),
        }
        self.look_at_engines().await;
        Ok(())
    }

    /// Writes our name into the company's entry, if that is as we saw it; whether it is now.
    async fn take(&self, company: &CompanyId) -> Result<bool, async_nats::Error> {
        let (key, me) = (company.as_str(), bytes::Bytes::from(self.me.to_string()));
        let old = self.read().owners.get(company).copied();
        if let Some(old) = old
            && old.engine != self.me
            && self
                .engines
                .entry(old.engine.to_string())
                .await?
                .is_some_and(|entry| is_there(&entry))
        {
            return Ok(false);
        }
        let revision = match old {
            Some(old) => match self.owners.update(key, me, old.revision).await {
                Ok(revision) => revision,
                Err(error) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => {
                    return Ok(false);
                }
                Err(error) => return Err(error.into()),
            },
            None => match self.owners.create(key, me).await {
                Ok(revision) => revision,
                Err(error) if error.kind() == kv::CreateErrorKind::AlreadyExists => {
                    return Ok(false);
                }
                Err(error) => return Err(error.into()),
            },
        };
        self.change(|seen| {
            seen.owners.insert(company.clone(), Entry { engine: self.me, revision });
        });
        Ok(true)
    }
}

/// No longer than a leader that lives takes. What is given up and done all the same is seen by who follows.
async fn answered<T>(
    asking: impl Future<Output = Result<T, async_nats::Error>>,
) -> Result<T, async_nats::Error> {
    tokio::time::timeout(Duration::from_secs(NATS_ANSWER_SECONDS_MAX), Box::pin(asking)).await?
}

/// Whether an entry says something: one that was deleted is an entry too.
fn is_there(entry: &kv::Entry) -> bool {
    entry.operation == kv::Operation::Put
}

async fn bucket(
    jetstream: &jetstream::Context,
    name: &'static str,
    max_age: Duration,
    replicas: usize,
) -> Result<kv::Store, OwnershipError> {
    // Its own entries are few and small; one value a key is all that counts.
    let config = kv::Config {
        bucket: name.to_owned(),
        history: 1,
        max_age,
        num_replicas: replicas,
        ..Default::default()
    };
    let failed = |source| OwnershipError::Bucket { bucket: name, source };
    match jetstream.get_key_value(name).await {
        Ok(store) => Ok(store),
        Err(_) => {
            let made = jetstream.create_key_value(config).await;
            made.map_err(|error| failed(error.into()))
        }
    }
}
