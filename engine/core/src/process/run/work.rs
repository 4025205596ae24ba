//! The state that the run worker keeps for one run.

use std::sync::{Arc, Mutex};

use boarding_commands::company::Run;
use boarding_commands::decide::runs::claim_recipients::has_mails_left;
use boarding_commands::values::{RunId, Time};

use crate::process::manager::ManagerContext;
use crate::process::transport_health::TransportHealth;

/// The work on one run under one fence: its mails, its transport, and its wait for the transport.
#[derive(Debug, Clone)]
pub(super) struct RunWork {
    pub(super) manager: ManagerContext,
    pub(super) run: RunId,
    pub(super) fence: u64,
    pub(super) health: Arc<Mutex<TransportHealth>>,
    /// Set while the run waits for the transport.
    pub(super) wait: Option<Wait>,
    /// Whether the mail server is tried with one recipient first. The claim binds the run to its transport before the
    /// first connection, so that no other transport can take it over.
    pub(super) is_first_try: bool,
    /// Since when this process works on the run.
    pub(super) started: Time,
}

impl RunWork {
    pub(super) async fn new(manager: ManagerContext, run: RunId, fence: u64) -> Self {
        let state = manager.inspect(move |company| {
            let is_unbound = |run: &Run| run.via.is_none() && run.texts_via.is_none();
            let known = company.runs.get(&run);
            known
                .map(|known| (known.waits_since, is_unbound(known) && has_mails_left(company, run)))
        });
        let (since, is_unbound) = state.await.flatten().unwrap_or_default();
        let (wait, started) = (since.map(Wait::from), manager.context.clock.now());
        let is_first_try = is_unbound && manager.context.transport.is_mail_server();
        Self { manager, run, fence, health: Arc::default(), wait, is_first_try, started }
    }
}

/// Since when the run waits, and how often this process has tried in vain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    pub(super) since: Time,
    pub(super) tries: u32,
}

impl Wait {
    pub(super) fn from(since: Time) -> Self {
        Self { since, tries: 0 }
    }

    /// When the longest wait is over. `started` is when this process took the run. A wait that had ended before begins
    /// anew, because no process has tried since.
    pub(super) fn end(self, minutes: u64, started: Time) -> Time {
        let longest = |since: Time| since.plus_seconds(minutes.saturating_mul(60));
        let end = longest(self.since);
        if end > started { end } else { longest(started) }
    }
}
