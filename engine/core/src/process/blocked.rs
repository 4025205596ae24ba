//! Imports that a worker cannot continue now. The worker continues other imports and retries these later.

use std::collections::BTreeSet;
use std::time::Duration;

use boarding_commands::values::ImportId;
use tokio::sync::watch;

use super::manager::ManagerContext;
use crate::limits::TIMER_SECONDS_MAX;
use crate::pending_work::PendingWork;

/// The blocked imports of one worker, and the selection of its open imports.
pub(super) struct Blocked {
    /// Selects the open imports of this worker from the pending work.
    open: fn(&PendingWork) -> &[ImportId],
    blocked: BTreeSet<ImportId>,
}

impl Blocked {
    pub(super) fn among(open: fn(&PendingWork) -> &[ImportId]) -> Self {
        Self { open, blocked: BTreeSet::new() }
    }

    /// Waits for an import that is not blocked. Returns `None` when closing. After [`TIMER_SECONDS_MAX`] blocked imports
    /// are retried, because a lost file may exist again or a full disk may have space.
    pub(super) async fn next(
        &mut self,
        manager: &ManagerContext,
        pending: &mut watch::Receiver<PendingWork>,
    ) -> Option<ImportId> {
        let import = loop {
            let can_continue = |pending: &PendingWork| {
                (self.open)(pending).iter().find(|import| !self.blocked.contains(import)).copied()
            };
            let wait = tokio::time::sleep(Duration::from_secs(TIMER_SECONDS_MAX));
            tokio::select! {
                next = manager.until(pending, can_continue) => break next,
                () = wait, if !self.blocked.is_empty() => {}
            }
            self.blocked.clear();
        };
        if let Some(import) = import {
            manager.context.blocked.release(&manager.company, import);
        }
        import
    }

    /// Blocks an import for this reason.
    pub(super) async fn hold(&mut self, manager: &ManagerContext, import: ImportId, why: String) {
        manager.context.blocked.hold(&manager.company, import, why);
        self.blocked.insert(import);
        // Any message makes the actor publish its pending work again, now with the blocked import.
        manager.inspect(|_| ()).await;
    }
}
