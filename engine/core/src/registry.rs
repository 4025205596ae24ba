//! The registry of company actors: starts them on demand and evicts idle ones.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use boarding_commands::values::{CompanyId, Time};
use tokio::sync::{Mutex, Notify};
use tokio::task::{AbortHandle, JoinSet};

use crate::actor::ActorHandle;
use crate::context::EngineContext;
use crate::limits::{CLOSE_SECONDS_MAX, LOADED_COMPANIES_MAX, TIMER_SECONDS_MAX};
use crate::metrics::WorkMetrics;
use crate::process::ProcessManagers;

/// The companies of an engine: their actors, and a task that loads evicted companies when their timers are due.
pub(crate) struct Companies {
    registry: Arc<CompanyRegistry>,
    /// Started by the first use of any company.
    timer: OnceLock<AbortHandle>,
}

impl Companies {
    pub(crate) fn new(context: Arc<EngineContext>) -> Self {
        Self { registry: Arc::new(CompanyRegistry::new(context)), timer: OnceLock::new() }
    }

    /// Returns the actor of the company; starts it on demand. A held handle keeps the company in memory.
    pub(crate) async fn actor(&self, company: &CompanyId) -> ActorHandle {
        self.timer.get_or_init(|| {
            let registry = Arc::clone(&self.registry);
            tokio::spawn(async move { registry.load_when_due().await }).abort_handle()
        });
        self.registry.actor(company).await
    }

    /// Starts process managers of acquired companies and stops those of lost companies.
    pub(crate) async fn follow_ownership(&self) {
        self.registry.follow_ownership().await;
    }

    /// Stops the timer and all companies. Mails in flight get some seconds to finish.
    pub(crate) async fn close(&self) {
        self.stop_timer();
        self.registry.close().await;
    }

    /// The metrics of the companies that this engine works for. It loads no company.
    pub(crate) async fn metrics(&self) -> BTreeMap<CompanyId, WorkMetrics> {
        self.registry.metrics().await
    }

    fn stop_timer(&self) {
        if let Some(timer) = self.timer.get() {
            timer.abort();
        }
    }
}

// The timer holds the registry, and the registry holds the data folder. Without this `drop`, the folder of a dropped
// engine would stay locked.
impl Drop for Companies {
    fn drop(&mut self) {
        self.stop_timer();
    }
}

/// The loaded companies, and the due times of evicted ones.
struct CompanyRegistry {
    context: Arc<EngineContext>,
    all: Mutex<Registered>,
    /// Notified when a company is evicted.
    evictions: Notify,
}

#[derive(Default)]
struct Registered {
    loaded: HashMap<CompanyId, LoadedCompany>,
    /// When the next timers of evicted companies are due.
    evicted: HashMap<CompanyId, Time>,
    /// The last metrics of evicted companies.
    metrics: HashMap<CompanyId, WorkMetrics>,
    /// Counts the uses of all companies.
    uses: u64,
}

/// A loaded company with its process managers.
struct LoadedCompany {
    handle: ActorHandle,
    /// `None` while another engine owns the company.
    managers: Option<ProcessManagers>,
    /// The strong count is one more than the handles in use. A company with handles in use is not evicted.
    handles: Arc<()>,
    /// The value of [`Registered::uses`] at its last use. The company with the lowest value is evicted first.
    used: u64,
}

impl CompanyRegistry {
    fn new(context: Arc<EngineContext>) -> Self {
        Self { context, all: Mutex::default(), evictions: Notify::new() }
    }

    /// Returns the actor of the company; starts it on demand. At the limit it evicts an idle company. If no company is
    /// idle, the limit is exceeded.
    async fn actor(&self, company: &CompanyId) -> ActorHandle {
        let mut all = self.all.lock().await;
        all.uses += 1;
        let used = all.uses;
        if let Some(known) = all.loaded.get_mut(company)
            && !known.handle.has_stopped()
        {
            known.used = used;
            return known.handle.in_use(&known.handles);
        }
        if all.loaded.len() >= LOADED_COMPANIES_MAX {
            self.evict_idle(&mut all);
        }
        all.evicted.remove(company);
        all.metrics.remove(company);
        let handle = ActorHandle::start(Arc::clone(&self.context), company.clone());
        let mine = self.works_for(company);
        let managers = mine.then(|| ProcessManagers::start(&self.context, &handle, company));
        let handles = Arc::new(());
        let lent = handle.in_use(&handles);
        all.loaded.insert(company.clone(), LoadedCompany { handle, managers, handles, used });
        lent
    }

    /// Whether this engine does the work of a company. A damaged company can record nothing, so it has no work.
    fn works_for(&self, company: &CompanyId) -> bool {
        self.context.works_for(company) && self.context.log.damage(company).is_none()
    }

    /// Starts process managers of acquired companies and stops those of lost companies. Stopped managers must end
    /// before new managers of the same company start, so a later call starts these. Calls follow several times per lease.
    async fn follow_ownership(&self) {
        let mut all = self.all.lock().await;
        for (company, loaded) in &mut all.loaded {
            let mine = self.works_for(company);
            let stopped =
                |managers: &mut ProcessManagers| managers.is_stopping() && managers.have_ended();
            if loaded.managers.as_mut().is_some_and(stopped) {
                loaded.managers = None;
            }
            match &loaded.managers {
                Some(managers) if !mine => managers.stop(),
                Some(_) => {}
                None if mine => {
                    loaded.managers =
                        Some(ProcessManagers::start(&self.context, &loaded.handle, company));
                }
                None => {}
            }
        }
    }

    /// Evicts the least recently used idle company. Stores when its next timer is due.
    fn evict_idle(&self, all: &mut Registered) {
        let is_idle = |one: &LoadedCompany| {
            Arc::strong_count(&one.handles) == 1 && one.handle.pending_work().borrow().is_idle()
        };
        let idle = all.loaded.iter().filter(|(_, one)| is_idle(one));
        let Some(oldest) = idle.min_by_key(|(_, one)| one.used).map(|(id, _)| id.clone()) else {
            return;
        };
        let Some(one) = all.loaded.remove(&oldest) else { return };
        let (metrics, tick_at) = {
            let pending = one.handle.pending_work();
            let pending = pending.borrow();
            (pending.metrics, pending.tick_at)
        };
        all.metrics.insert(oldest.clone(), metrics);
        if let Some(due) = tick_at {
            all.evicted.insert(oldest, due);
            self.evictions.notify_one();
        }
    }

    async fn metrics(&self) -> BTreeMap<CompanyId, WorkMetrics> {
        let all = self.all.lock().await;
        let loaded = all.loaded.iter().filter(|(_, one)| !one.handle.has_stopped());
        let loaded = loaded.map(|(id, one)| (id, one.handle.pending_work().borrow().metrics));
        let evicted = all.metrics.iter().map(|(id, metrics)| (id, *metrics));
        let mine = loaded.chain(evicted).filter(|(id, _)| self.context.works_for(id));
        mine.map(|(id, metrics)| (id.clone(), metrics)).collect()
    }

    /// Loads evicted companies when their timers are due, without end.
    async fn load_when_due(&self) {
        loop {
            let next = self.all.lock().await.evicted.values().min().copied();
            let now = self.context.clock.now();
            let wait = next.map_or(u64::MAX, |due| u64::try_from(due.0 - now.0).unwrap_or(0));
            if wait > 0 {
                let nap = Duration::from_millis(wait.min(TIMER_SECONDS_MAX * 1000));
                tokio::select! {
                    () = tokio::time::sleep(nap) => {}
                    () = self.evictions.notified() => {}
                }
                continue;
            }
            let evicted = self.all.lock().await.evicted.clone();
            for (company, _) in evicted.into_iter().filter(|(_, due)| *due <= now) {
                // Any message makes the actor load the company. Then the process managers handle the due timer.
                self.actor(&company).await.inspect(|_| ()).await;
            }
        }
    }

    /// Stops all companies. Mails in flight get some seconds to finish.
    async fn close(&self) {
        self.context.closing.send_replace(true);
        self.context.transport.wind_down();
        let loaded = std::mem::take(&mut self.all.lock().await.loaded);
        let time_limit = Duration::from_secs(CLOSE_SECONDS_MAX);
        let mut stopping = JoinSet::new();
        for (_, LoadedCompany { handle, managers, .. }) in loaded {
            stopping.spawn(async move {
                if let Some(managers) = managers {
                    managers.end(time_limit).await;
                }
                handle.end().await;
            });
        }
        while stopping.join_next().await.is_some() {}
    }
}

impl fmt::Debug for Companies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Companies").field("core", &self.registry.context).finish_non_exhaustive()
    }
}
