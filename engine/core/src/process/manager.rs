//! What every process manager of a company shares: its actor, the engine context, and how to wait.

use std::sync::Arc;
use std::time::Duration;

use boarding_commands::company::Company;
use boarding_commands::decide::{Authority, Command, Facts};
use boarding_commands::step::CommandRequest;
use boarding_commands::values::{CompanyId, Time};
use tokio::sync::watch;
use ulid::Ulid;

use crate::actor::ActorHandle;
use crate::context::{ENGINE, EngineContext};
use crate::limits::{RETRY_MILLIS, TIMER_SECONDS_MAX};
use crate::pending_work::PendingWork;
use crate::reply::Reply;

/// The log target of lines about waiting mails. `serve` logs these lines. Other verbs of the CLI print the wait
/// themselves, so `cli/logs.rs` leaves the lines out.
pub(super) const WAITS: &str = "boarding_core::waits";

/// The actor and the shared context of a process manager.
#[derive(Debug, Clone)]
pub(super) struct ManagerContext {
    pub(super) context: Arc<EngineContext>,
    pub(super) handle: ActorHandle,
    pub(super) company: CompanyId,
    /// Becomes true when no new work of this company may start.
    pub(super) stop: watch::Receiver<bool>,
}

impl ManagerContext {
    /// Submits a command of the engine itself.
    pub(super) async fn submit(&self, command: impl Into<Command>, correlation: Ulid) -> Reply {
        let request = CommandRequest {
            command: command.into(),
            facts: Facts::None,
            id: self.context.clock.id(),
            body: None,
            actor: ENGINE.to_owned(),
            authenticated: None,
            token: None,
            authority: Authority::All,
            at: self.context.clock.now(),
            correlation: Some(correlation),
            traceparent: None,
            mail_setup: self.context.mail_setup(),
            expected_version: None,
            planned_at: None,
        };
        self.handle.submit_own(request).await
    }

    /// Reads the company, with retries while its log cannot be read. `None` when the actor has stopped.
    pub(super) async fn inspect<T: Send + 'static>(
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
    pub(super) async fn until<T>(
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
    pub(super) fn is_closing(&self) -> bool {
        *self.stop.borrow() || *self.context.closing.borrow()
    }

    /// Waits until no new work may start, for this company or the whole engine.
    pub(super) async fn stopped(&self) {
        let (mut stop, mut closing) = (self.stop.clone(), self.context.closing.subscribe());
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            _ = closing.wait_for(|closing| *closing) => {}
        }
    }

    /// Sleeps for this time, but at most [`TIMER_SECONDS_MAX`]. A change of the pending work or a stop ends the sleep
    /// earlier.
    async fn wait(&self, pending: &mut watch::Receiver<PendingWork>, wait_millis: u64) {
        let wait = Duration::from_millis(wait_millis.min(TIMER_SECONDS_MAX * 1000));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = pending.changed() => {}
            () = self.stopped() => {}
        }
    }

    /// Sleeps until this time, until the pending work changes, or until no new work may start. The sleep also ends after
    /// [`TIMER_SECONDS_MAX`], with or without a time. So callers read the clock and the pending work again.
    pub(super) async fn wait_until(
        &self,
        pending: &mut watch::Receiver<PendingWork>,
        at: Option<Time>,
    ) {
        let now = self.context.clock.now();
        let millis = at.map_or(u64::MAX, |at| u64::try_from(at.0 - now.0).unwrap_or(0));
        self.wait(pending, millis).await;
    }

    /// Sleeps for this time. The sleep ends earlier if `ends` is true for the pending work, or no new work may start.
    pub(super) async fn rest(
        &self,
        pending: &mut watch::Receiver<PendingWork>,
        seconds: u64,
        ends: impl FnMut(&PendingWork) -> bool,
    ) {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
            _ = pending.wait_for(ends) => {}
            () = self.stopped() => {}
        }
    }
}

/// Waits before a retry after a temporary fault.
pub(super) async fn pause() {
    tokio::time::sleep(Duration::from_millis(RETRY_MILLIS)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Engine, Options};

    /// P30: reads of a company are retried while its log cannot be read.
    #[tokio::test]
    async fn reading_a_company_is_retried_until_its_log_is_readable() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(Options::of_folder(folder.path())).unwrap();
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
