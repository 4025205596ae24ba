//! The companies at work: started when they are asked for, put to sleep when others need their place.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use boarding_commands::values::{CompanyId, Time};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;

use crate::actor::ActorHandle;
use crate::context::EngineContext;
use crate::limits::{CLOSE_SECONDS_MAX, LOADED_COMPANIES_MAX, TIMER_SECONDS_MAX};
use crate::process::ProcessManagers;

/// The companies in memory, and when those that sleep have something to do.
pub(crate) struct CompanyRegistry {
    context: Arc<EngineContext>,
    all: Mutex<Registered>,
    /// Told when a company has gone to sleep.
    evictions: Notify,
}

#[derive(Default)]
struct Registered {
    loaded: HashMap<CompanyId, LoadedCompany>,
    evicted: HashMap<CompanyId, Time>,
    uses: u64,
}

/// A company in memory, with its process managers.
struct LoadedCompany {
    handle: ActorHandle,
    /// None while another engine works for the company.
    managers: Option<ProcessManagers>,
    /// One more than the handles that are out: as long as there is one, something may be asked.
    handles: Arc<()>,
    /// The number of its last use; the lowest goes first.
    used: u64,
}

impl CompanyRegistry {
    pub(crate) fn new(context: Arc<EngineContext>) -> Self {
        Self { context, all: Mutex::default(), evictions: Notify::new() }
    }

    /// The company's task, started if need be. A company whose chores are done makes room for another.
    pub(crate) async fn actor(&self, company: &CompanyId) -> ActorHandle {
        let mut all = self.all.lock().await;
        all.uses += 1;
        let used = all.uses;
        if let Some(known) = all.loaded.get_mut(company)
            && !known.handle.has_stopped()
        {
            known.used = used;
            return known.handle.leased(&known.handles);
        }
        if all.loaded.len() >= LOADED_COMPANIES_MAX {
            self.evict_idle(&mut all);
        }
        all.evicted.remove(company);
        let handle = ActorHandle::start(Arc::clone(&self.context), company.clone());
        let mine = self.context.works_for(company);
        let managers = mine.then(|| ProcessManagers::start(&self.context, &handle, company));
        let handles = Arc::new(());
        let lent = handle.leased(&handles);
        all.loaded.insert(company.clone(), LoadedCompany { handle, managers, handles, used });
        lent
    }

    /// Starts and stops process managers, as companies have become this engine's own or another's. Those
    /// that were stopped come to their end before others are started in their place.
    pub(crate) async fn follow_ownership(&self) {
        let mut all = self.all.lock().await;
        for (company, loaded) in &mut all.loaded {
            let mine = self.context.works_for(company);
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

    /// Puts the company to sleep that was not used for longest, of those that nobody holds and that
    /// have nothing going on. What time will bring to it is remembered.
    fn evict_idle(&self, all: &mut Registered) {
        let free = |one: &LoadedCompany| {
            Arc::strong_count(&one.handles) == 1 && one.handle.pending_work().borrow().is_idle()
        };
        let idle = all.loaded.iter().filter(|(_, one)| free(one));
        let Some(oldest) = idle.min_by_key(|(_, one)| one.used).map(|(id, _)| id.clone()) else {
            return;
        };
        let Some(one) = all.loaded.remove(&oldest) else { return };
        if let Some(due) = one.handle.pending_work().borrow().tick_at {
            all.evicted.insert(oldest, due);
            self.evictions.notify_one();
        }
    }

    /// Wakes companies that sleep when something is due; never ends.
    pub(crate) async fn load_when_due(&self) {
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
                // What is due is seen to by its own process managers.
                self.actor(&company).await.inspect(|_| ()).await;
            }
        }
    }

    /// Ends them all: what is on its way is given some seconds to arrive.
    pub(crate) async fn close(&self) {
        self.context.closing.send_replace(true);
        let loaded = std::mem::take(&mut self.all.lock().await.loaded);
        let patience = Duration::from_secs(CLOSE_SECONDS_MAX);
        let mut ending = JoinSet::new();
        for (_, LoadedCompany { handle, managers, .. }) in loaded {
            ending.spawn(async move {
                if let Some(managers) = managers {
                    managers.end(patience).await;
                }
                handle.end().await;
            });
        }
        while ending.join_next().await.is_some() {}
    }
}

impl fmt::Debug for CompanyRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Companies").field("core", &self.context).finish_non_exhaustive()
    }
}
