//! The pending background work of a company.

mod blocked_imports;

use boarding_commands::company::Company;
use boarding_commands::decide::next_tick_at;
use boarding_commands::mail_kinds::{AT_ONCE, waiting, waits};
use boarding_commands::values::{ImportId, RunId, Time};

use crate::metrics::WorkMetrics;

pub(crate) use blocked_imports::BlockedImports;

/// The background work of a company after its last commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PendingWork {
    /// Accepted imports with rows that are not applied yet.
    pub imports: Vec<ImportId>,
    /// Those imports that are blocked, with the error. Callers do not wait for them.
    pub blocked: Vec<(ImportId, String)>,
    /// Accepted archives with pictures that have no outcome yet.
    pub pictures: Vec<ImportId>,
    /// Those archives that are blocked, with the error.
    pub blocked_pictures: Vec<(ImportId, String)>,
    /// Imports that are being undone.
    pub undoing: Vec<ImportId>,
    /// Runs whose list of recipients is not complete yet.
    pub listing: Vec<RunId>,
    /// The run that holds the lock, and its fence.
    pub run: Option<(RunId, u64)>,
    /// The transport of the running run, if this engine has another one. The run then waits for an engine with its
    /// transport: switching in the middle needs the consent of an operator.
    pub other_transport: Option<String>,
    /// Whether the running run was given up: its other recipients fail, with any transport.
    pub given_up: bool,
    /// Recipients without an outcome. A change of this number wakes the run worker.
    pub remaining: u64,
    /// The first time at which a deferred recipient may be tried again.
    pub retry_at: Option<Time>,
    /// Whether a notification can be claimed now.
    pub notifications_due: bool,
    /// Notifications that wait for their first attempt or are in flight. Those that wait for the end of a run are not
    /// counted.
    pub notifications_open: usize,
    /// Notifications that this engine tries again later.
    pub notifications_deferred_here: usize,
    /// The time of the next such attempt.
    pub notifications_retry_at: Option<Time>,
    /// The time of the next timer.
    pub tick_at: Option<Time>,
    /// What operators watch.
    pub metrics: WorkMetrics,
}

impl PendingWork {
    /// The pending work of a company. `continues` says whether this engine continues a run that started with
    /// the transport of that name. With `carries_runs` false, runs and work that is due by time stay as they are. A run
    /// that was given up needs no transport, so every engine ends it.
    pub(crate) fn of(
        company: &Company,
        blocked: &BlockedImports,
        carries_runs: bool,
        transport: &str,
        continues: impl Fn(&str) -> bool,
    ) -> Self {
        let held = company.lock.holder();
        let running = held.and_then(|holder| company.runs.get(&holder.run));
        let given_up = running.is_some_and(|run| run.given_up.is_some());
        let via = running.and_then(|run| run.via.as_deref());
        let other_transport = via.filter(|via| !given_up && !continues(via));
        let carried = given_up || (carries_runs && other_transport.is_none());
        let holder = held.filter(|_| carried);
        let remaining = running.map_or(0, |run| run.remaining());
        let tick_at = next_tick_at(company).filter(|at| carries_runs || *at == AT_ONCE);
        Self {
            imports: company.open_imports.iter().copied().collect(),
            blocked: blocked.among(&company.id, &company.open_imports),
            pictures: company.open_pictures.keys().copied().collect(),
            blocked_pictures: blocked.among(&company.id, company.open_pictures.keys()),
            undoing: company.undoing.iter().copied().collect(),
            listing: company.listing.iter().copied().collect(),
            run: holder.map(|holder| (holder.run, holder.fence)),
            other_transport: other_transport.map(str::to_owned),
            given_up,
            remaining,
            retry_at: running.and_then(|run| run.deferred.values().min().copied()),
            notifications_due: company
                .notifications
                .values()
                .any(|one| !one.dispatched && !waits(company, one)),
            notifications_open: company.notifications.len().saturating_sub(waiting(company)),
            notifications_deferred_here: company.deferred_notifications.count(transport),
            notifications_retry_at: company.deferred_notifications.next(transport),
            tick_at,
            metrics: WorkMetrics {
                is_active: held.is_some(),
                waits_since: running.and_then(|run| run.waits_since),
                remaining,
                queued: company.lock.queue().len(),
                notifications_deferred: company.deferred_notifications.len(),
            },
        }
    }

    /// Whether no background work is left. The command line waits for this before it exits. Deferred notifications are
    /// durable, so it does not wait for them.
    pub fn is_idle(&self) -> bool {
        self.imports.len() == self.blocked.len()
            && self.pictures.len() == self.blocked_pictures.len()
            && self.undoing.is_empty()
            && self.listing.is_empty()
            && self.run.is_none()
            && self.notifications_open == 0
            && self.tick_at != Some(AT_ONCE)
    }
}
