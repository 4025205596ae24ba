//! Process managers: the background tasks of a company and its pending work.

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

/// The background work of a company after its last commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PendingWork {
    /// Accepted imports with rows that are not applied yet.
    pub imports: Vec<ImportId>,
    /// Those imports that are blocked, with the error. Callers do not wait for them.
    pub blocked: Vec<(ImportId, String)>,
    /// Imports that are being undone.
    pub undoing: Vec<ImportId>,
    /// Runs whose list of recipients is not complete yet.
    pub listing: Vec<RunId>,
    /// The run that holds the lock, and its fence.
    pub run: Option<(RunId, u64)>,
    /// The channel of the running run, if this engine has another one. The run then waits for an engine with its
    /// channel: switching in the middle needs the consent of an operator.
    pub other_channel: Option<String>,
    /// Recipients without an outcome. A change of this number wakes the run worker.
    pub remaining: u64,
    /// The first time at which a deferred recipient may be tried again.
    pub retry_at: Option<Time>,
    /// Whether notifications wait.
    pub welcome: bool,
    /// Notifications that wait or are in flight.
    pub welcome_open: usize,
    /// The time of the next timer.
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

    /// Whether no background work is left. The command line waits for this before it exits.
    pub fn is_idle(&self) -> bool {
        self.imports.len() == self.blocked.len()
            && self.undoing.is_empty()
            && self.listing.is_empty()
            && self.run.is_none()
            && self.welcome_open == 0
            && self.tick_at != Some(AT_ONCE)
    }
}

/// The actor and the shared context of a process manager.
#[derive(Debug, Clone)]
struct ManagerContext {
    context: Arc<EngineContext>,
    handle: ActorHandle,
    company: CompanyId,
    /// Signals that no new work may start.
    stop: watch::Receiver<bool>,
}

/// The running process managers of a company. Dropping them aborts them.
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

    /// Stops new work. Mails in flight are still reported.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Whether all managers have ended.
    pub(crate) fn have_ended(&mut self) -> bool {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.is_empty()
    }

    /// Stops all managers and aborts those that exceed the time limit.
    pub(crate) async fn end(mut self, time_limit: Duration) {
        self.stop();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(time_limit, ended).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}

impl ManagerContext {
    /// Submits a command of the engine itself.
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

    /// Reads the company, with retries while its log cannot be read. `None` when the actor has stopped.
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

    /// Waits until `choose` finds something in the pending work, and returns it. `None` when closing.
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

    /// Whether no new work may start.
    fn is_closing(&self) -> bool {
        *self.stop.borrow() || *self.context.closing.borrow()
    }

    /// Waits until no new work may start, for this company or the whole engine.
    async fn stopped(&self) {
        let (mut stop, mut closing) = (self.stop.clone(), self.context.closing.subscribe());
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            _ = closing.wait_for(|closing| *closing) => {}
        }
    }

    /// Sleeps until the time is over, the pending work changes, or no new work may start.
    async fn wait(&self, pending: &mut watch::Receiver<PendingWork>, wait_millis: u64) {
        let wait = Duration::from_millis(wait_millis.min(TIMER_SECONDS_MAX * 1000));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = pending.changed() => {}
            () = self.stopped() => {}
        }
    }
}

/// The actor name of commands of the engine itself.
pub const ENGINE: &str = "engine";

/// Waits before a retry after a temporary fault.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(RETRY_MILLIS)).await;
}

/// Continues lists of recipients that were too long for one commit.
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

/// Submits `Tick` when a timer is due: time enters the history only as data.
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

    /// P30: reads of a company are retried while its log cannot be read.
    #[tokio::test]
    async fn reading_a_company_is_retried_until_its_log_is_readable() {
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
        let handle = ActorHandle::unreliable(Company::new(company.clone()));
        let manager =
            ManagerContext { context: Arc::clone(&engine.context), handle, company, stop: stopped };
        assert_eq!(manager.handle.inspect(|_| ()).await, None);
        assert_eq!(manager.handle.inspect(|_| ()).await, Some(()));
        assert_eq!(manager.inspect(|company| company.id.to_string()).await.unwrap(), "acme");
    }
}
