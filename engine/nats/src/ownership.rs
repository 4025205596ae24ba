//! Company ownership among engines, by leases in two key-value buckets of NATS.
//!
//! An engine has one lease for all its companies. If the lease ends, the engine loses all of them.
//!
//! The bucket of engines has one entry for each engine. The entry expires if the engine does not renew it, so an entry
//! shows that its engine is alive. The bucket of owners has one entry for each company. The entry names an engine, and
//! counts only while that engine is alive. It is written by expected revision, so only one of two engines can acquire a
//! company.
//!
//! Ownership decides which engine works, not which engine may append. The expected version protects appends, even
//! against an engine that was paused for longer than its lease.
//!
//! A bucket without a leader accepts no writes until the cluster has elected one. Meanwhile no company changes
//! its owner, and current owners continue.

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

use super::key_value::{BucketError, bucket, with_time_limit, write_expecting};
use super::names::{ENGINES_BUCKET, OWNERS_BUCKET};
use crate::limits::{ACQUIRE_OWNER_TRIES, LEASE_SECONDS, RENEWALS_PER_LEASE};
use lease_health::{LeaseHealth, has_no_leader};

/// The id of one start of an engine.
pub type EngineId = Ulid;

/// The engine that owns a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Me,
    Other(EngineId),
}

/// Which engine owns which company, as this engine sees it, and its own lease; cheap to clone. The lease expires after the last clone is dropped.
/// [`CompanyOwners::leave`] ends it at once.
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
    view: RwLock<ClusterView>,
    /// Counts the changes of the view.
    changed: watch::Sender<u64>,
}

/// The last known content of both buckets.
#[derive(Debug, Default)]
struct ClusterView {
    /// Whether the lease of this engine is valid.
    alive: bool,
    engines: BTreeSet<EngineId>,
    owners: BTreeMap<CompanyId, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    engine: EngineId,
    revision: u64,
}

/// Why the owner of a company is unknown; a retry may help.
#[derive(Debug, thiserror::Error)]
pub enum OwnershipError {
    #[error(transparent)]
    Bucket(#[from] BucketError),
    #[error("renew the lease of this engine in {ENGINES_BUCKET}")]
    Renew(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("acquire company {company}")]
    Acquire { company: CompanyId, source: async_nats::Error },
    #[error("acquire company {company}: its owner changed {ACQUIRE_OWNER_TRIES} times")]
    Contended { company: CompanyId },
    #[error("acquire company {company}: this engine could not renew its lease")]
    Suspended { company: CompanyId },
}

impl CompanyOwners {
    /// Joins the engines on this NATS with the id `me`, which must be unique per start.
    ///
    /// # Errors
    /// When the buckets cannot be created or written.
    pub async fn join(
        jetstream: &jetstream::Context,
        me: EngineId,
        replicas: usize,
    ) -> Result<Self, OwnershipError> {
        let lease = Duration::from_secs(LEASE_SECONDS);
        let engines = bucket(jetstream, ENGINES_BUCKET, lease, replicas).await?;
        let owners = bucket(jetstream, OWNERS_BUCKET, Duration::ZERO, replicas).await?;
        let (view, changed) = (RwLock::default(), watch::Sender::new(0));
        let shared = Arc::new(Shared { me, engines, owners, view, changed });
        shared.renew().await.map_err(|error| OwnershipError::Renew(error.into()))?;
        shared.read_engines().await;
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&shared).keep_alive());
        tasks.spawn(Arc::clone(&shared).follow_owners());
        Ok(Self(Arc::new(Member { shared, _tasks: tasks })))
    }

    pub fn me(&self) -> EngineId {
        self.0.shared.me
    }

    /// Changes after each change of the known engines and owners, and of the own lease.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.shared.changed.subscribe()
    }

    /// The known owner of the company; `None` if the company has no owner, or the owner is not alive.
    pub fn owner(&self, company: &CompanyId) -> Option<Owner> {
        let view = self.0.shared.read();
        let entry = view.owners.get(company)?;
        view.is_alive(self.me(), entry.engine).then(|| self.as_owner(entry.engine))
    }

    /// The companies of other engines that are not alive: another engine must acquire these companies.
    pub fn orphans(&self) -> Vec<CompanyId> {
        let view = self.0.shared.read();
        let gone =
            |entry: &Entry| !view.is_alive(self.me(), entry.engine) && entry.engine != self.me();
        view.owners.iter().filter(|(_, entry)| gone(entry)).map(|(id, _)| id.clone()).collect()
    }

    /// Acquires the company if it has no owner, and returns the owner.
    ///
    /// # Errors
    /// When NATS does not answer, or the lease of this engine has expired.
    pub async fn acquire(&self, company: &CompanyId) -> Result<Owner, OwnershipError> {
        let shared = &self.0.shared;
        for _ in 0..ACQUIRE_OWNER_TRIES {
            if !shared.read().alive {
                return Err(OwnershipError::Suspended { company: company.clone() });
            }
            if let Some(owner) = self.owner(company) {
                return Ok(owner);
            }
            let failed = |source| OwnershipError::Acquire { company: company.clone(), source };
            if with_time_limit(shared.acquire(company)).await.map_err(failed)? {
                return Ok(Owner::Me);
            }
            with_time_limit(shared.read_owner(company)).await.map_err(failed)?;
        }
        Err(OwnershipError::Contended { company: company.clone() })
    }

    /// Releases a company, so that another engine can acquire it at once.
    pub async fn release(&self, company: &CompanyId) {
        let shared = &self.0.shared;
        let entry = shared.read().owners.get(company).copied();
        if let Some(entry) = entry.filter(|entry| entry.engine == shared.me) {
            let released =
                shared.owners.delete_expect_revision(company.as_str(), Some(entry.revision)).await;
            if released.is_ok() {
                shared.forget(company);
            }
        }
    }

    /// Releases all companies and ends the lease.
    pub async fn leave(&self) {
        let me = self.me();
        let mine: Vec<_> = {
            let view = self.0.shared.read();
            let mine = view.owners.iter().filter(|(_, entry)| entry.engine == me);
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
    /// Whether the lease of an engine is valid. For this engine, its own renewals decide.
    fn is_alive(&self, me: EngineId, engine: EngineId) -> bool {
        if engine == me { self.alive } else { self.engines.contains(&engine) }
    }
}

impl Shared {
    fn read(&self) -> std::sync::RwLockReadGuard<'_, ClusterView> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut ClusterView)) {
        change(&mut self.view.write().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_modify(|changes| *changes += 1);
    }

    fn forget(&self, company: &CompanyId) {
        self.change(|view| {
            view.owners.remove(company);
        });
    }

    async fn renew(&self) -> Result<(), PutError> {
        self.engines.put(self.me.to_string(), bytes::Bytes::new()).await?;
        if !self.read().alive {
            self.change(|view| view.alive = true);
        }
        Ok(())
    }

    /// Renews the own lease and reads the leases of other engines. Repeats this several times per lease, without end.
    async fn keep_alive(self: Arc<Self>) {
        let interval = Duration::from_secs(LEASE_SECONDS) / RENEWALS_PER_LEASE;
        let mut renewals = tokio::time::interval(interval);
        renewals.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut health = LeaseHealth::default();
        loop {
            renewals.tick().await;
            match tokio::time::timeout(interval, self.renew()).await {
                Ok(Ok(())) => health.renewed(),
                Ok(Err(error)) if has_no_leader(&error) => health.waited(),
                _ => health.missed(),
            }
            if health.is_over() && self.read().alive {
                tracing::warn!(engine = %self.me, "renewing the lease failed, work of this engine stops");
                self.change(|view| view.alive = false);
            }
            // A bucket without a leader cannot be read either, and waiting for it would delay the next renewal.
            if health.is_steady()
                && let Ok(Some(engines)) = tokio::time::timeout(interval, self.living()).await
                && self.read().engines != engines
            {
                self.change(|view| view.engines = engines);
            }
        }
    }

    /// The engines with a valid lease; `None` if the bucket cannot be read.
    async fn living(&self) -> Option<BTreeSet<EngineId>> {
        let mut keys = self.engines.keys().await.ok()?;
        let mut engines = BTreeSet::new();
        while let Some(key) = keys.next().await {
            engines.extend(key.ok()?.parse::<EngineId>());
        }
        Some(engines)
    }

    /// Adds new engines to the view. Only `keep_alive` removes engines, because it alone knows whether
    /// the bucket has a leader. Without a leader no engine can renew, so no engine may count as dead.
    async fn read_engines(&self) {
        let Some(living) = self.living().await else { return };
        if !living.is_subset(&self.read().engines) {
            self.change(|view| view.engines.extend(living));
        }
    }

    /// Follows changes of owners, without end.
    async fn follow_owners(self: Arc<Self>) {
        let interval = Duration::from_secs(LEASE_SECONDS) / RENEWALS_PER_LEASE;
        let mut retry = tokio::time::interval(interval);
        loop {
            retry.tick().await;
            let Ok(mut entries) = self.owners.watch_with_history(">").await else { continue };
            while let Some(Ok(entry)) = entries.next().await {
                self.apply(&entry);
            }
        }
    }

    fn apply(&self, entry: &kv::Entry) {
        let Ok(company) = entry.key.parse::<CompanyId>() else { return };
        let engine = match entry.operation {
            kv::Operation::Put => {
                std::str::from_utf8(&entry.value).ok().and_then(|id| id.parse().ok())
            }
            kv::Operation::Delete | kv::Operation::Purge => None,
        };
        self.change(|view| {
            let newer = view.owners.get(&company).is_none_or(|old| old.revision < entry.revision);
            match engine {
                Some(engine) if newer => {
                    view.owners.insert(company, Entry { engine, revision: entry.revision });
                }
                None if newer => {
                    view.owners.remove(&company);
                }
                _ => {}
            }
        });
    }

    /// Reads the owner of one company. Also reads the engines, since the owner may be a new one.
    async fn read_owner(&self, company: &CompanyId) -> Result<(), async_nats::Error> {
        match self.owners.entry(company.as_str()).await? {
            Some(entry) => self.apply(&entry),
            None => self.forget(company),
        }
        self.read_engines().await;
        Ok(())
    }

    /// Writes this engine as owner if the entry is unchanged. Returns whether this engine is the owner now.
    async fn acquire(&self, company: &CompanyId) -> Result<bool, async_nats::Error> {
        let (key, me) = (company.as_str(), bytes::Bytes::from(self.me.to_string()));
        let old = self.read().owners.get(company).copied();
        // The view may be old, so the lease of the former owner is read from the bucket.
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
        let expected = old.map(|old| old.revision);
        let written = write_expecting(&self.owners, key, me, expected).await?;
        let Some(revision) = written else { return Ok(false) };
        self.change(|view| {
            view.owners.insert(company.clone(), Entry { engine: self.me, revision });
        });
        Ok(true)
    }
}

/// Whether an entry has a value; a deleted key has an entry too.
fn is_there(entry: &kv::Entry) -> bool {
    entry.operation == kv::Operation::Put
}
