//! The lease on serving: one NATS serves one log, of one engine or of engines that share the log.
//!
//! The lease is one entry of a bucket, changed by its expected revision. Its holder renews the lease, and works only
//! while the last renewal is valid. The holder measures this by its own clock, from the moment when it sends the
//! renewal. Another engine acquires the lease after it has seen the same revision for the whole lease by its own
//! clock. So no two clocks have to agree, and the server's time plays no role. An engine that was paused, cut off or
//! had its clock set stops before another one starts.

mod holder;
mod validity;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State;
use async_nats::jetstream::{self, kv};
use boarding_core::clock::Moment;
use boarding_core::ownership::AppendGuard;
use boarding_log::connect::with_retry;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

use crate::key_value::{BucketError, bucket, with_time_limit, write_expecting};
use crate::limits::{
    LEASE_POLL_MILLIS, LOG_LEASE_RENEWAL_MILLIS, LOG_LEASE_SECONDS, LOG_LEASE_TRIES,
    SHARED_LOG_LEASE_SECONDS,
};
use crate::names::OWNERS_BUCKET;

pub use holder::LeaseHolder;
use validity::Renewal;

/// The key of the lease. No company has this id.
const KEY: &str = "_log";

/// Why the lease was not acquired or renewed.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error(
        "another engine with its own log serves on this NATS already: {0}; stop it first (if it was killed, its lease ends after {LOG_LEASE_SECONDS} s)"
    )]
    Alone(Box<LeaseHolder>),
    #[error(
        "engines that share a log in JetStream serve on this NATS already: {0}; stop them first (the lease of the last one ends {SHARED_LOG_LEASE_SECONDS} s later)"
    )]
    Shared(Box<LeaseHolder>),
    #[error("another engine has served on this NATS meanwhile, or the log was moved")]
    Released,
    #[error("acquire the lease on serving: other engines changed it {LOG_LEASE_TRIES} times")]
    Contended,
    #[error(transparent)]
    Bucket(#[from] BucketError),
    #[error("use the lease in bucket {OWNERS_BUCKET}")]
    Nats(#[source] async_nats::Error),
}

impl From<LeaseHolder> for LeaseError {
    fn from(holder: LeaseHolder) -> Self {
        let holder = Box::new(holder);
        if holder.shares { Self::Shared(holder) } else { Self::Alone(holder) }
    }
}

/// The lease of this engine, renewed until the last clone is dropped.
#[derive(Debug, Clone)]
pub struct LogLease(Arc<Renewed>);

#[derive(Debug)]
struct Renewed {
    shared: Arc<Shared>,
    _task: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    me: LeaseHolder,
    jetstream: jetstream::Context,
    copies: usize,
    last: RwLock<Renewal>,
    /// Why this engine will never have the lease again.
    lost: watch::Sender<Option<String>>,
    /// Held while the entry is written.
    writing: Mutex<()>,
}

/// What the bucket says about the lease.
enum Entry {
    /// No engine had it since the bucket was made.
    Absent,
    /// The last engine that had it has released it.
    Released,
    Held {
        holder: LeaseHolder,
        revision: u64,
    },
}

impl LogLease {
    /// Acquires the lease. Waits until it is clear whether the holder is alive, for one lease at most.
    /// The caller has locked the data folder of `me`.
    ///
    /// # Errors
    /// Which other engine serves on this NATS, or why the bucket cannot be used.
    pub async fn acquire(
        client: &Client,
        me: LeaseHolder,
        copies: usize,
    ) -> Result<Self, LeaseError> {
        let jetstream = jetstream::new(client.clone());
        let store = with_retry(client, async || open(&jetstream, copies).await).await?;
        // A bucket that was just created in a cluster has no leader yet.
        let acquired = with_retry(client, async || match acquire(&store, &me).await {
            Err(LeaseError::Nats(error)) => Err(LeaseError::Nats(error)),
            known => Ok(known),
        });
        let renewal = acquired.await??;
        let (last, lost) = (RwLock::new(renewal), watch::Sender::new(None));
        let writing = Mutex::new(());
        let shared = Arc::new(Shared { me, jetstream, copies, last, lost, writing });
        let mut task = JoinSet::new();
        task.spawn(Arc::clone(&shared).keep(store));
        Ok(Self(Arc::new(Renewed { shared, _task: task })))
    }

    /// Completes with a text when another engine has the lease. This engine must end then.
    pub async fn lost(&self) -> String {
        let mut lost = self.0.shared.lost.subscribe();
        match lost.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    /// Ends the lease of an engine that serves alone, so that another engine need not wait. The caller serves no
    /// request any more. Engines that share a log keep it for each other.
    pub async fn release(&self) {
        let shared = &self.0.shared;
        if shared.me.shares || shared.lost.borrow().is_some() {
            return;
        }
        // From here on this engine appends nothing, and renews the lease no more.
        shared.lost.send_replace(Some("this engine has stopped".to_owned()));
        let _turn = shared.writing.lock().await;
        let revision = shared.last().revision;
        if let Ok(store) = shared.jetstream.get_key_value(OWNERS_BUCKET).await {
            let _ = store.delete_expect_revision(KEY, Some(revision)).await;
        }
    }
}

impl AppendGuard for LogLease {
    fn check(&self) -> Result<(), String> {
        self.0.shared.check()
    }
}

/// The other engine that serves its own log here; the engine of this folder does not count. Waits until it is clear
/// whether that engine is alive, and removes the lease of a dead one.
///
/// # Errors
/// When NATS does not answer.
pub(crate) async fn other_alone(
    store: &kv::Store,
    folder: Option<&str>,
) -> Result<Option<LeaseHolder>, LeaseError> {
    let Entry::Held { holder, revision } = read(store).await? else { return Ok(None) };
    if holder.shares || holder.had_folder(folder) {
        return Ok(None);
    }
    match outlast(store, &holder, revision).await? {
        Outlasted::Dead => {
            let removed = store.delete_expect_revision(KEY, Some(revision)).await;
            removed.map_err(|error| LeaseError::Nats(error.into()))?;
            Ok(None)
        }
        Outlasted::Changed => match read(store).await? {
            Entry::Held { holder, .. } if !holder.shares => Ok(Some(holder)),
            _ => Ok(None),
        },
    }
}

async fn acquire(store: &kv::Store, me: &LeaseHolder) -> Result<Renewal, LeaseError> {
    let mut seen: Option<LeaseHolder> = None;
    for _ in 0..LOG_LEASE_TRIES {
        let revision = match read(store).await? {
            Entry::Absent | Entry::Released => None,
            Entry::Held { holder, revision }
                if me.shares_lease_with(&holder) || me.has_folder_of(&holder) =>
            {
                Some(revision)
            }
            // It has renewed the lease meanwhile.
            Entry::Held { holder, .. }
                if seen.as_ref().is_some_and(|seen| seen.shares_lease_with(&holder)) =>
            {
                return Err(holder.into());
            }
            Entry::Held { holder, revision } => match outlast(store, &holder, revision).await? {
                Outlasted::Dead => Some(revision),
                Outlasted::Changed => {
                    seen = Some(holder);
                    continue;
                }
            },
        };
        if let Some(renewal) = write(store, me, revision).await? {
            return Ok(renewal);
        }
    }
    Err(LeaseError::Contended)
}

/// The result of waiting for the end of another engine's lease.
enum Outlasted {
    /// It was not renewed for the whole lease.
    Dead,
    /// It was renewed, released, or acquired by a third engine.
    Changed,
}

/// Waits until the lease is over by this engine's clock, or until it changes.
async fn outlast(
    store: &kv::Store,
    holder: &LeaseHolder,
    revision: u64,
) -> Result<Outlasted, LeaseError> {
    let since = Moment::now();
    let mut is_warned = false;
    while since.uptime_since() < holder.lease() {
        tokio::time::sleep(Duration::from_millis(LEASE_POLL_MILLIS)).await;
        match read(store).await? {
            Entry::Held { revision: now, .. } if now == revision => {}
            _ => return Ok(Outlasted::Changed),
        }
        // A living engine has renewed it by now.
        if !is_warned && since.uptime_since() > Duration::from_millis(2 * LOG_LEASE_RENEWAL_MILLIS)
        {
            let seconds = holder.lease().saturating_sub(since.uptime_since()).as_secs() + 1;
            tracing::warn!(%holder, seconds, "another engine holds the lease on serving, waiting for its end");
            is_warned = true;
        }
    }
    Ok(Outlasted::Dead)
}

async fn open(jetstream: &jetstream::Context, copies: usize) -> Result<kv::Store, LeaseError> {
    Ok(bucket(jetstream, OWNERS_BUCKET, Duration::ZERO, copies).await?)
}

async fn read(store: &kv::Store) -> Result<Entry, LeaseError> {
    let entry = with_time_limit(async { Ok(store.entry(KEY).await?) }).await;
    let entry = entry.map_err(LeaseError::Nats)?;
    let Some(entry) = entry else { return Ok(Entry::Absent) };
    if entry.operation != kv::Operation::Put {
        return Ok(Entry::Released);
    }
    let holder = serde_json::from_slice(&entry.value);
    let holder = holder.map_err(|error| LeaseError::Nats(error.into()))?;
    Ok(Entry::Held { holder, revision: entry.revision })
}

/// Writes the entry if it has this revision, or if it is free. `None` if it has changed.
async fn write(
    store: &kv::Store,
    me: &LeaseHolder,
    revision: Option<u64>,
) -> Result<Option<Renewal>, LeaseError> {
    let value = serde_json::to_vec(me).map_err(|error| LeaseError::Nats(error.into()))?.into();
    let sent = Moment::now();
    let written = with_time_limit(write_expecting(store, KEY, value, revision)).await;
    let revision = written.map_err(LeaseError::Nats)?;
    Ok(revision.map(|revision| Renewal { revision, sent }))
}

impl Shared {
    fn last(&self) -> Renewal {
        *self.last.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) -> Result<(), String> {
        if self.lost.borrow().is_some() {
            // The text goes to clients, so it does not name the other engine.
            return Err("another engine serves on this NATS now".to_owned());
        }
        if self.last().is_valid(self.me.lease()) {
            return Ok(());
        }
        Err("this engine could not renew its lease on serving, and another engine may serve now; this engine continues when it has renewed the lease".to_owned())
    }

    /// Renews the lease until another engine has it.
    async fn keep(self: Arc<Self>, mut store: kv::Store) {
        let mut renewals = tokio::time::interval(Duration::from_millis(LOG_LEASE_RENEWAL_MILLIS));
        renewals.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut was_valid = true;
        loop {
            renewals.tick().await;
            let turn = self.writing.lock().await;
            if self.lost.borrow().is_some() {
                return;
            }
            let renewed = self.renew(&store).await;
            drop(turn);
            let is_valid = self.check().is_ok();
            match renewed {
                Ok(()) if !was_valid => tracing::info!("lease on serving renewed, work continues"),
                Ok(()) => {}
                Err(LeaseError::Alone(holder) | LeaseError::Shared(holder)) => {
                    self.lose(&format!("another engine serves on this NATS now ({holder})"));
                    return;
                }
                Err(released @ LeaseError::Released) => {
                    self.lose(&released.to_string());
                    return;
                }
                Err(error) => {
                    if was_valid && !is_valid {
                        let error = boarding_log::error_chain(&error);
                        tracing::warn!(
                            error,
                            "renewing the lease on serving failed, work of this engine stops until it succeeds"
                        );
                    }
                    if !is_valid && let Some(opened) = self.reopen().await {
                        store = opened;
                    }
                }
            }
            was_valid = is_valid;
        }
    }

    /// Opens the bucket again: a server that has lost its streams has no bucket any more.
    async fn reopen(&self) -> Option<kv::Store> {
        if self.jetstream.client().connection_state() != State::Connected {
            return None;
        }
        with_time_limit(async { Ok(open(&self.jetstream, self.copies).await?) }).await.ok()
    }

    /// Records that this engine will never have the lease again.
    fn lose(&self, cause: &str) {
        let why = format!(
            "{cause}; this engine could not renew its lease, so it stops; it keeps all accepted commands"
        );
        self.lost.send_replace(Some(why));
    }

    async fn renew(&self, store: &kv::Store) -> Result<(), LeaseError> {
        let mut expected = Some(self.last().revision);
        for _ in 0..LOG_LEASE_TRIES {
            if let Some(renewal) = write(store, &self.me, expected).await? {
                *self.last.write().unwrap_or_else(PoisonError::into_inner) = renewal;
                return Ok(());
            }
            // Another engine of the log has renewed it, or an earlier renewal was stored without an answer.
            expected = match read(store).await? {
                Entry::Absent => None,
                // Only another engine releases what this one holds: its log may have commands that this one has not.
                Entry::Released => return Err(LeaseError::Released),
                Entry::Held { holder, revision } if self.me.shares_lease_with(&holder) => {
                    Some(revision)
                }
                Entry::Held { holder, .. } => return Err(holder.into()),
            };
        }
        Err(LeaseError::Contended)
    }
}
