//! Process managers: the background tasks of a company.

use std::sync::Arc;
use std::time::Duration;

use boarding_commands::decide::{ListRecipients, Tick};
use boarding_commands::mail_kinds::AT_ONCE;
use boarding_commands::values::CompanyId;
use tokio::sync::watch;
use tokio::task::JoinSet;
use ulid::Ulid;

use crate::actor::ActorHandle;
use crate::context::EngineContext;
use crate::pending_work::PendingWork;
use crate::reply::Reply;

mod blocked;
mod drafts;
mod import;
mod mails;
mod manager;
mod notifications;
mod pictures;
mod run;
mod transport_health;
mod undo;

use manager::{ManagerContext, pause};

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
        tasks.spawn(pictures::manage(manager.clone()));
        let recovered = watch::Sender::new(false);
        tasks.spawn(tick(manager.clone(), recovered.subscribe()));
        tasks.spawn(run::manage(manager.clone(), recovered));
        tasks.spawn(notifications::manage(manager.clone()));
        tasks.spawn(list_recipients(manager));
        Self { stop, tasks }
    }

    /// Starts no new work from now on. The results of mails in flight are still reported.
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

    /// Stops all managers and waits for their end. Aborts those that exceed the time limit.
    pub(crate) async fn end(mut self, time_limit: Duration) {
        self.stop();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(time_limit, ended).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}

/// Continues lists of recipients that are too long for one commit.
async fn list_recipients(manager: ManagerContext) {
    let mut pending = manager.handle.pending_work();
    while let Some(run) =
        manager.until(&mut pending, |pending| pending.listing.first().copied()).await
    {
        let command = ListRecipients { run };
        if !matches!(manager.submit(command, run.0).await, Reply::Accepted { .. }) {
            pause().await;
        }
    }
}

/// Submits `Tick` when a timer is due. The command carries the time, so a replay needs no clock.
async fn tick(manager: ManagerContext, recovered: watch::Receiver<bool>) {
    let mut pending = manager.handle.pending_work();
    let mut recovered = Some(recovered);
    while let Some(due) = manager.until(&mut pending, |pending| pending.tick_at).await {
        // While runs rest, only `AT_ONCE` is due, and the claims wait for the recovery until the runs are carried on.
        if due != AT_ONCE
            && let Some(recovered) = recovered.take()
        {
            wait_for_recovery(&manager, &mut pending, recovered).await;
            continue;
        }
        let now = manager.context.clock.now();
        if due > now {
            manager.wait_until(&mut pending, Some(due)).await;
            if manager.handle.has_stopped() {
                return;
            }
            // The wait also ends when the timers change, so the next due time is read again.
            continue;
        }
        if !matches!(manager.submit(Tick { now }, Ulid::nil()).await, Reply::Accepted { .. }) {
            pause().await;
        }
    }
}

/// Waits until the open claims of an earlier process are decided. Their deadlines may be over, but their outbox knows
/// which of them were sent. External workers report later, so this wait is not for them.
async fn wait_for_recovery(
    manager: &ManagerContext,
    pending: &mut watch::Receiver<PendingWork>,
    mut recovered: watch::Receiver<bool>,
) {
    let transport = &manager.context.transport;
    if transport.hands_over() && transport.outbox().is_none() {
        return;
    }
    // The pending work is known once the company is loaded.
    manager.inspect(|_| ()).await;
    tokio::select! {
        _ = recovered.wait_for(|recovered| *recovered) => {}
        _ = pending.wait_for(|pending| pending.run.is_none()) => {}
        () = manager.stopped() => {}
    }
}
