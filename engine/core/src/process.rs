//! Process managers: what a company has to do by itself, and the tasks that see to it.

use std::sync::Arc;
use std::time::Duration;

use boarding_commands::company::Company;
use boarding_commands::decide::{AT_ONCE, Authority, Command, Tick, next_turn};
use boarding_commands::values::{CompanyId, ImportId, RunId, Time};
use tokio::sync::watch;
use tokio::task::JoinSet;
use ulid::Ulid;

use crate::actor::{Hot, Reply, Request};
use crate::context::Core;
use crate::limits::{NAP_SECONDS, RETRY_MILLIS};

mod blocked_imports;
mod drafts;
mod import;
mod mails;
mod notifications;
mod run;
mod undo;

pub use blocked_imports::Stuck;
pub(crate) use import::portions;

/// What a company has to do without being asked, as its last commit left it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chores {
    /// Imports that were accepted and have rows to come.
    pub imports: Vec<ImportId>,
    /// Those among them that cannot go on, and why: nobody waits for them.
    pub stuck: Vec<(ImportId, String)>,
    /// Imports that are being undone.
    pub undoing: Vec<ImportId>,
    /// Runs whose list of recipients goes on.
    pub listing: Vec<RunId>,
    /// The run that holds the lock, and its fence.
    pub run: Option<(RunId, u64)>,
    /// The channel that the running run was begun with, where it is not this engine's: the run waits
    /// for an engine with that channel, for half of its people must not go another way unasked.
    pub elsewhere: Option<String>,
    /// Recipients that wait for their turn or for the end of a wait; by this the run worker sees change.
    pub remaining: u64,
    /// The first time at which a deferred recipient may be tried again.
    pub retry_at: Option<Time>,
    /// Whether welcome mails wait.
    pub welcome: bool,
    /// Welcome mails that wait or are on their way.
    pub welcome_open: usize,
    /// The next time at which something happens by itself.
    pub tick_at: Option<Time>,
}

impl Chores {
    pub fn of(company: &Company, core: &Core) -> Self {
        let held = company.lock.holder();
        let running = held.and_then(|holder| company.runs.get(&holder.run));
        let via = running.and_then(|run| run.via.as_deref());
        let elsewhere = via.filter(|via| *via != core.channel.name() && !core.adopt_runs);
        let holder = held.filter(|_| elsewhere.is_none());
        Self {
            imports: company.open_imports.iter().copied().collect(),
            stuck: core.stuck.among(company),
            undoing: company.undoing.iter().copied().collect(),
            listing: company.listing.iter().copied().collect(),
            run: holder.map(|holder| (holder.run, holder.fence)),
            elsewhere: elsewhere.map(str::to_owned),
            remaining: running.map_or(0, |run| run.remaining()),
            retry_at: running.and_then(|run| run.deferred.values().min().copied()),
            welcome: company.notifications.values().any(|one| !one.dispatched),
            welcome_open: company.notifications.len(),
            tick_at: next_turn(company),
        }
    }

    /// Whether anything goes on that ends by itself: the program waits for this before it leaves.
    pub fn is_idle(&self) -> bool {
        self.imports.len() == self.stuck.len()
            && self.undoing.is_empty()
            && self.listing.is_empty()
            && self.run.is_none()
            && self.welcome_open == 0
            && self.tick_at != Some(AT_ONCE)
    }
}

/// What a process manager needs: its company's task and what all share.
#[derive(Debug, Clone)]
struct Desk {
    core: Arc<Core>,
    hot: Hot,
    company: CompanyId,
    /// Told when nothing new is to be begun.
    stop: watch::Receiver<bool>,
}

/// A company's process managers at work; dropped, they end at once.
#[derive(Debug)]
pub(crate) struct Managers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Managers {
    pub(crate) fn start(core: &Arc<Core>, hot: &Hot, company: &CompanyId) -> Self {
        let stop = watch::Sender::new(false);
        let desk = Desk {
            core: Arc::clone(core),
            hot: hot.clone(),
            company: company.clone(),
            stop: stop.subscribe(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(import::manage(desk.clone()));
        tasks.spawn(undo::manage(desk.clone()));
        tasks.spawn(run::manage(desk.clone()));
        tasks.spawn(notifications::manage(desk.clone()));
        tasks.spawn(list(desk.clone()));
        tasks.spawn(tick(desk));
        Self { stop, tasks }
    }

    /// Has them begin nothing new; what is on its way is reported yet.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Whether all of them have ended.
    pub(crate) fn have_ended(&mut self) -> bool {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.is_empty()
    }

    /// Stops them; those that have not ended in time are cut off.
    pub(crate) async fn end(mut self, patience: Duration) {
        self.stop();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, ended).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}

impl Desk {
    /// Asks a command of the engine's own.
    async fn ask(&self, command: impl Into<Command>, correlation: Ulid) -> Reply {
        let request = Request {
            command: command.into(),
            id: self.core.clock.id(),
            body: None,
            actor: ENGINE.to_owned(),
            authority: Authority::All,
            at: self.core.clock.now(),
            correlation: Some(correlation),
            traceparent: None,
            expected_version: None,
            planned_at: None,
        };
        self.hot.ask_patiently(request).await
    }

    /// Looks at the company, however long its log keeps that waiting; nothing once its task has ended.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Company) -> T + Clone + Send + 'static,
    ) -> Option<T> {
        loop {
            let seen = self.hot.look(look.clone()).await;
            if seen.is_some() || self.hot.is_gone() {
                return seen;
            }
            pause().await;
        }
    }

    /// Waits until what the company has to do satisfies the condition, and gives what it chose of it.
    async fn until<T>(
        &self,
        chores: &mut watch::Receiver<Chores>,
        choose: impl Fn(&Chores) -> Option<T>,
    ) -> Option<T> {
        loop {
            let chosen = choose(&chores.borrow_and_update());
            if self.is_closing() {
                return None;
            }
            if chosen.is_some() {
                return chosen;
            }
            tokio::select! {
                changed = chores.changed() => changed.ok()?,
                () = self.stopped() => return None,
            }
        }
    }

    /// Whether nothing new is to be begun.
    fn is_closing(&self) -> bool {
        *self.stop.borrow() || *self.core.closing.borrow()
    }

    /// Waits until nothing new is to be begun: here, or anywhere in the engine.
    async fn stopped(&self) {
        let (mut stop, mut closing) = (self.stop.clone(), self.core.closing.subscribe());
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            _ = closing.wait_for(|closing| *closing) => {}
        }
    }

    /// Sleeps until the time is over, the company has changed, or nothing new is to be begun.
    async fn nap(&self, chores: &mut watch::Receiver<Chores>, wait_millis: u64) {
        let nap = Duration::from_millis(wait_millis.min(NAP_SECONDS * 1000));
        tokio::select! {
            () = tokio::time::sleep(nap) => {}
            _ = chores.changed() => {}
            () = self.stopped() => {}
        }
    }
}

/// The actor of what the engine does by itself.
pub const ENGINE: &str = "engine";

/// The pause after a fault that may pass.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(RETRY_MILLIS)).await;
}

/// Goes on with lists of recipients that were too long for one commit.
async fn list(desk: Desk) {
    let mut chores = desk.hot.chores();
    while let Some(run) = desk.until(&mut chores, |chores| chores.listing.first().copied()).await {
        let command = boarding_commands::decide::ListRecipients { run };
        if !matches!(desk.ask(command, run.0).await, Reply::Accepted { .. }) {
            pause().await;
        }
    }
}

/// Brings time in as data when something is due.
async fn tick(desk: Desk) {
    let mut chores = desk.hot.chores();
    while let Some(due) = desk.until(&mut chores, |chores| chores.tick_at).await {
        let now = desk.core.clock.now();
        let wait = u64::try_from(due.0 - now.0).unwrap_or(0);
        if wait > 0 {
            desk.nap(&mut chores, wait).await;
            if desk.hot.is_gone() {
                return;
            }
            continue;
        }
        if !matches!(desk.ask(Tick { now }, Ulid::nil()).await, Reply::Accepted { .. }) {
            pause().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::engine::{Engine, LogChoice, Options};

    /// P30: a log that cannot be read at this moment is no reason to forget what there is to do.
    #[tokio::test]
    async fn p30_who_looks_at_a_company_sees_it_once_its_log_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(Options {
            data: folder.path().to_owned(),
            log: LogChoice::Files,
            channel: None,
            adopt_runs: false,
            secret: None,
            clock: Clock::system(),
        });
        let engine = engine.unwrap();
        let company: CompanyId = "acme".parse().unwrap();
        let (_stop, stopped) = watch::channel(false);
        let hot = Hot::distracted(Company::new(company.clone()));
        let desk = Desk { core: Arc::clone(&engine.core), hot, company, stop: stopped };
        assert_eq!(desk.hot.look(|_| ()).await, None);
        assert_eq!(desk.hot.look(|_| ()).await, Some(()));
        assert_eq!(desk.look(|company| company.id.to_string()).await.unwrap(), "acme");
    }
}
