//! The companies at work: started when they are asked for, put to sleep when others need their place.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use boarding_commands::values::{CompanyId, Time};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;

use crate::actor::Hot;
use crate::context::Core;
use crate::limits::{CLOSE_SECONDS_MAX, HOT_COMPANIES_MAX, NAP_SECONDS};
use crate::process::Managers;

/// The companies in memory, and when those that sleep have something to do.
pub(crate) struct Companies {
    core: Arc<Core>,
    all: Mutex<All>,
    /// Told when a company has gone to sleep.
    slept: Notify,
}

#[derive(Default)]
struct All {
    working: HashMap<CompanyId, Working>,
    asleep: HashMap<CompanyId, Time>,
    uses: u64,
}

/// A company in memory, with its process managers.
struct Working {
    hot: Hot,
    /// None while another engine works for the company.
    managers: Option<Managers>,
    /// One more than the handles that are out: as long as there is one, something may be asked.
    handles: Arc<()>,
    /// The number of its last use; the lowest goes first.
    used: u64,
}

impl Companies {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core, all: Mutex::default(), slept: Notify::new() }
    }

    /// The company's task, started if need be. A company whose chores are done makes room for another.
    pub(crate) async fn hot(&self, company: &CompanyId) -> Hot {
        let mut all = self.all.lock().await;
        all.uses += 1;
        let used = all.uses;
        if let Some(known) = all.working.get_mut(company)
            && !known.hot.is_gone()
        {
            known.used = used;
            return known.hot.lent(&known.handles);
        }
        if all.working.len() >= HOT_COMPANIES_MAX {
            self.make_room(&mut all);
        }
        all.asleep.remove(company);
        let hot = Hot::start(Arc::clone(&self.core), company.clone());
        let mine = self.core.works_for(company);
        let managers = mine.then(|| Managers::start(&self.core, &hot, company));
        let handles = Arc::new(());
        let lent = hot.lent(&handles);
        all.working.insert(company.clone(), Working { hot, managers, handles, used });
        lent
    }

    /// Starts and stops process managers, as companies have become this engine's own or another's. Those
    /// that were stopped come to their end before others are started in their place.
    pub(crate) async fn mind_owners(&self) {
        let mut all = self.all.lock().await;
        for (company, working) in &mut all.working {
            let mine = self.core.works_for(company);
            let stopped = |managers: &mut Managers| managers.is_stopping() && managers.have_ended();
            if working.managers.as_mut().is_some_and(stopped) {
                working.managers = None;
            }
            match &working.managers {
                Some(managers) if !mine => managers.stop(),
                Some(_) => {}
                None if mine => {
                    working.managers = Some(Managers::start(&self.core, &working.hot, company));
                }
                None => {}
            }
        }
    }

    /// Puts the company to sleep that was not used for longest, of those that nobody holds and that
    /// have nothing going on. What time will bring to it is remembered.
    fn make_room(&self, all: &mut All) {
        let free = |one: &Working| {
            Arc::strong_count(&one.handles) == 1 && one.hot.chores().borrow().is_idle()
        };
        let idle = all.working.iter().filter(|(_, one)| free(one));
        let Some(oldest) = idle.min_by_key(|(_, one)| one.used).map(|(id, _)| id.clone()) else {
            return;
        };
        let Some(one) = all.working.remove(&oldest) else { return };
        if let Some(due) = one.hot.chores().borrow().tick_at {
            all.asleep.insert(oldest, due);
            self.slept.notify_one();
        }
    }

    /// Wakes companies that sleep when something is due; never ends.
    pub(crate) async fn wake_in_time(&self) {
        loop {
            let next = self.all.lock().await.asleep.values().min().copied();
            let now = self.core.clock.now();
            let wait = next.map_or(u64::MAX, |due| u64::try_from(due.0 - now.0).unwrap_or(0));
            if wait > 0 {
                let nap = Duration::from_millis(wait.min(NAP_SECONDS * 1000));
                tokio::select! {
                    () = tokio::time::sleep(nap) => {}
                    () = self.slept.notified() => {}
                }
                continue;
            }
            let asleep = self.all.lock().await.asleep.clone();
            for (company, _) in asleep.into_iter().filter(|(_, due)| *due <= now) {
                // What is due is seen to by its own process managers.
                self.hot(&company).await.look(|_| ()).await;
            }
        }
    }

    /// Ends them all: what is on its way is given some seconds to arrive.
    pub(crate) async fn close(&self) {
        self.core.closing.send_replace(true);
        let working = std::mem::take(&mut self.all.lock().await.working);
        let patience = Duration::from_secs(CLOSE_SECONDS_MAX);
        let mut ending = JoinSet::new();
        for (_, Working { hot, managers, .. }) in working {
            ending.spawn(async move {
                if let Some(managers) = managers {
                    managers.end(patience).await;
                }
                hot.end().await;
            });
        }
        while ending.join_next().await.is_some() {}
    }
}

impl fmt::Debug for Companies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Companies").field("core", &self.core).finish_non_exhaustive()
    }
}
