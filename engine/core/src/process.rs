//! Process managers: what a company has to do by itself, and the tasks that see to it.

use std::sync::Arc;
use std::time::Duration;

use boarding_commands::company::Company;
use boarding_commands::decide::{AT_ONCE, Authority, Command, Facts, Tick, next_turn};
use boarding_commands::step::Request;
use boarding_commands::values::{CompanyId, ImportId, RunId, Time};
use tokio::sync::watch;
use tokio::task::JoinSet;
use ulid::Ulid;

use crate::actor::{ActorHandle, Reply};
use crate::context::EngineContext;
use crate::limits::{RETRY_MILLIS, TIMER_SECONDS_MAX};

mod blocked_imports;
mod drafts;
mod import;
mod mails;
mod notifications;
mod run;
mod undo;

pub use blocked_imports::BlockedImports;
pub(crate) use import::portions;

/// What a company has to do without being asked, as its last commit left it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PendingWork {
    /// Imports that were accepted and have rows to come.
    pub imports: Vec<ImportId>,
    /// Those among them that cannot go on, and why: nobody waits for them.
    pub blocked: Vec<(ImportId, String)>,
    /// Imports that are being undone.
    pub undoing: Vec<ImportId>,
    /// Runs whose list of recipients goes on.
    pub listing: Vec<RunId>,
    /// The run that holds the lock, and its fence.
    pub run: Option<(RunId, u64)>,
    /// The channel that the running run was begun with, where it is not this engine's: the run waits
    /// for an engine with that channel, for half of its people must not go another way unasked.
    pub other_channel: Option<String>,
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

impl PendingWork {
    pub fn of(company: &Company, context: &EngineContext) -> Self {
        let held = company.lock.holder();
        let running = held.and_then(|holder| company.runs.get(&holder.run));
        let via = running.and_then(|run| run.via.as_deref());
        let other_channel = via.filter(|via| *via != context.channel.name() && !context.adopt_runs);
        let holder = held.filter(|_| other_channel.is_none());
        Self {
            imports: company.open_imports.iter().copied().collect(),
            blocked: context.blocked.among(company),
            undoing: company.undoing.iter().copied().collect(),
            listing: company.listing.iter().copied().collect(),
            run: holder.map(|holder| (holder.run, holder.fence)),
            other_channel: other_channel.map(str::to_owned),
            remaining: running.map_or(0, |run| run.remaining()),
            retry_at: running.and_then(|run| run.deferred.values().min().copied()),
            welcome: company.notifications.values().any(|one| !one.dispatched),
            welcome_open: company.notifications.len(),
            tick_at: next_turn(company),
        }
    }

    /// Whether anything goes on that ends by itself: the program waits for this before it leaves.
    pub fn is_idle(&self) -> bool {
        self.imports.len() == self.blocked.len()
            && self.undoing.is_empty()
            && self.listing.is_empty()
            && self.run.is_none()
            && self.welcome_open == 0
            && self.tick_at != Some(AT_ONCE)
    }
}

/// What a process manager needs: its company's task and what all share.
#[derive(Debug, Clone)]
struct ManagerContext {
    context: Arc<EngineContext>,
    handle: ActorHandle,
    company: CompanyId,
    /// Told when nothing new is to be begun.
    stop: watch::Receiver<bool>,
}

/// A company's process managers at work; dropped, they end at once.
#[derive(Debug)]
pub(crate) struct ProcessManagers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl ProcessManagers {
    pub(crate) fn start(
        context: &Arc<EngineContext>,
        handle: &ActorHandle,
        company: &CompanyId,
    ) -> Self {
        let stop = watch::Sender::new(false);
        let manager = ManagerContext {
            context: Arc::clone(context),
            handle: handle.clone(),
            company: company.clone(),
            stop: stop.subscribe(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(import::manage(manager.clone()));
        tasks.spawn(undo::manage(manager.clone()));
        tasks.spawn(run::manage(manager.clone()));
        tasks.spawn(notifications::manage(manager.clone()));
        tasks.spawn(list(manager.clone()));
        tasks.spawn(tick(manager));
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

impl ManagerContext {
    /// Asks a command of the engine's own.
    async fn submit(&self, command: impl Into<Command>, correlation: Ulid) -> Reply {
        let request = Request {
            command: command.into(),
            facts: Facts::None,
            id: self.context.clock.id(),
            body: None,
            actor: ENGINE.to_owned(),
            authority: Authority::All,
            at: self.context.clock.now(),
            correlation: Some(correlation),
            traceparent: None,
            expected_version: None,
            planned_at: None,
        };
        self.handle.submit_own(request).await
    }

    /// Looks at the company, however long its log keeps that waiting; nothing once its task has ended.
    async fn inspect<T: Send + 'static>(
        &self,
        inspect: impl FnOnce(&Company) -> T + Clone + Send + 'static,
    ) -> Option<T> {
        loop {
            let seen = self.handle.inspect(inspect.clone()).await;
            if seen.is_some() || self.handle.has_stopped() {
                return seen;
            }
            pause().await;
        }
    }

    /// Waits until what the company has to do satisfies the condition, and gives what it chose of it.
    async fn until<T>(
        &self,
        pending: &mut watch::Receiver<PendingWork>,
        choose: impl Fn(&PendingWork) -> Option<T>,
    ) -> Option<T> {
        loop {
            let chosen = choose(&pending.borrow_and_update());
            if self.is_closing() {
                return None;
            }
            if chosen.is_some() {
                return chosen;
            }
            tokio::select! {
                changed = pending.changed() => changed.ok()?,
                () = self.stopped() => return None,
            }
        }
    }

    /// Whether nothing new is to be begun.
    fn is_closing(&self) -> bool {
        *self.stop.borrow() || *self.context.closing.borrow()
    }

    /// Waits until nothing new is to be begun: here, or anywhere in the engine.
    async fn stopped(&self) {
        let (mut stop, mut closing) = (self.stop.clone(), self.context.closing.subscribe());
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            _ = closing.wait_for(|closing| *closing) => {}
        }
    }

    /// Sleeps until the time is over, the company has changed, or nothing new is to be begun.
    async fn wait(&self, pending: &mut watch::Receiver<PendingWork>, wait_millis: u64) {
        let wait = Duration::from_millis(wait_millis.min(TIMER_SECONDS_MAX * 1000));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = pending.changed() => {}
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
async fn list(manager: ManagerContext) {
    let mut pending = manager.handle.pending_work();
    while let Some(run) =
        manager.until(&mut pending, |pending| pending.listing.first().copied()).await
    {
        let command = boarding_commands::decide::ListRecipients { run };
        if !matches!(manager.submit(command, run.0).await, Reply::Accepted { .. }) {
            pause().await;
        }
    }
}

/// Brings time in as data when something is due.
async fn tick(manager: ManagerContext) {
    let mut pending = manager.handle.pending_work();
    while let Some(due) = manager.until(&mut pending, |pending| pending.tick_at).await {
        let now = manager.context.clock.now();
        let wait = u64::try_from(due.0 - now.0).unwrap_or(0);
        if wait > 0 {
            manager.wait(&mut pending, wait).await;
            if manager.handle.has_stopped() {
                return;
            }
            continue;
        }
        if !matches!(manager.submit(Tick { now }, Ulid::nil()).await, Reply::Accepted { .. }) {
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
        let handle = ActorHandle::distracted(Company::new(company.clone()));
        let manager =
            ManagerContext { context: Arc::clone(&engine.context), handle, company, stop: stopped };
        assert_eq!(manager.handle.inspect(|_| ()).await, None);
        assert_eq!(manager.handle.inspect(|_| ()).await, Some(()));
        assert_eq!(manager.inspect(|company| company.id.to_string()).await.unwrap(), "acme");
    }
}
