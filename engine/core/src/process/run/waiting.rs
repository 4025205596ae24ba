//! A run waits while its transport cannot send: when it waits, tries again, goes on or ends.

use std::sync::PoisonError;

use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::decide::runs::record_wait::RunWait;
use boarding_commands::decide::{EndWaitingRun, RecordWait};
use boarding_commands::event::Who;
use boarding_commands::values::Code;
use tokio::sync::watch;

use super::work::{RunWork, Wait};
use crate::limits::CLAIM_MAX;
use crate::pending_work::PendingWork;
use crate::process::manager::{WAITS, pause};
use crate::process::transport_health::pause_seconds;
use crate::reply::Reply;
use crate::waiting::LatestTry;

/// Why no mail of the run can be sent now.
#[derive(Debug, Clone)]
pub(super) struct Obstacle {
    /// What the run waits for, in words for people.
    pub(super) what: &'static str,
    /// The last answer of the server, or the cause.
    pub(super) last_words: String,
}

/// Whether the transport broke down with this mail.
fn broke(outcome: &MailOutcome) -> bool {
    match outcome {
        MailOutcome::Retry { code, .. } => *code == Code::DeliveryServerUnavailable,
        MailOutcome::Failed { code, .. } => code.leaves_delivery_open(),
        MailOutcome::Sent { .. } | MailOutcome::Skipped { .. } => false,
    }
}

impl RunWork {
    pub(super) fn is_waiting(&self) -> bool {
        self.wait.is_some()
    }

    /// The number of recipients in a trial of a transport that may not be able to send. It grows with each failed trial,
    /// because the first recipients may be refused for reasons that concern only them.
    pub(super) fn trial_size(&self) -> Option<usize> {
        let tries = match self.wait {
            Some(wait) => wait.tries,
            None if self.is_first_try => 0,
            None => return None,
        };
        let doubled = 1usize.checked_shl(tries.saturating_sub(1)).unwrap_or(CLAIM_MAX);
        Some(doubled.clamp(1, CLAIM_MAX))
    }

    /// The error while the run waits and no recipient is due, so the transport cannot be tried.
    pub(super) fn untried(&self) -> Result<(), Obstacle> {
        let last_words = self.health.lock().unwrap_or_else(PoisonError::into_inner).last_words();
        // Another process may have made the last try, and its words are not known here.
        let is_known = !last_words.is_empty();
        let last_words = if is_known { last_words } else { "no recipient is due yet".to_owned() };
        Err(self.obstacle(last_words))
    }

    fn obstacle(&self, last_words: String) -> Obstacle {
        Obstacle { what: self.manager.context.transport.dependency(), last_words }
    }

    pub(super) async fn check(&self) -> Result<(), Obstacle> {
        let ready = self.manager.context.transport.ready().await;
        ready.map_err(|last_words| self.obstacle(last_words))
    }

    /// Judges from these outcomes whether the transport can send further mails. Texts may leave by another one, so they
    /// are judged only if the batch has no mails.
    pub(super) async fn judge(
        &self,
        mails: &[(Who, u32, MailOutcome)],
        texts: &[(Who, u32, MailOutcome)],
    ) -> Result<(), Obstacle> {
        match (mails.is_empty(), texts.is_empty()) {
            (false, _) => self.judge_mails(mails).await,
            (true, false) => self.judge_texts(texts).await,
            (true, true) => Ok(()),
        }
    }

    async fn judge_texts(&self, reports: &[(Who, u32, MailOutcome)]) -> Result<(), Obstacle> {
        match self.manager.context.transport.texts() {
            Some(texts) if reports.iter().any(|(_, _, outcome)| broke(outcome)) => {
                let ready = texts.ready().await;
                ready.map_err(|last_words| Obstacle { what: texts.dependency(), last_words })
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn judge_mails(&self, reports: &[(Who, u32, MailOutcome)]) -> Result<(), Obstacle> {
        // The number may be one commit old. Then it is larger, so the run waits later and never earlier.
        let remaining = self.manager.handle.pending_work().borrow().remaining;
        let (refuses, last_words) = {
            let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
            for (user, _, outcome) in reports {
                health.note(user, outcome);
            }
            (health.refuses_everybody(remaining), health.last_words())
        };
        let broke = |(_, _, outcome): &(Who, u32, MailOutcome)| broke(outcome);
        let in_vain = |report: &(Who, u32, MailOutcome)| {
            matches!(report.2, MailOutcome::Retry { .. }) || broke(report)
        };
        let failed = refuses
            || (self.wait.is_some() && reports.iter().all(in_vain))
            || (self.is_first_try && reports.iter().all(broke));
        if failed {
            return Err(self.obstacle(last_words));
        }
        if reports.iter().any(broke) { self.check().await } else { Ok(()) }
    }

    /// Waits for the transport, or ends the run after the longest wait of the company.
    pub(super) async fn wait_for_transport(
        &mut self,
        obstacle: Obstacle,
        pending: &mut watch::Receiver<PendingWork>,
    ) {
        if self.manager.is_closing() {
            return;
        }
        let minutes = self.manager.inspect(|company| company.settings.relay_wait_minutes).await;
        let Some(minutes) = minutes else { return };
        let now = self.manager.context.clock.now();
        let is_new = self.wait.is_none();
        let wait = self.wait.get_or_insert(Wait::from(now));
        let end = wait.end(minutes, self.started);
        let seconds = pause_seconds(wait.tries);
        wait.tries = wait.tries.saturating_add(1);
        let Obstacle { what, last_words } = obstacle;
        if now >= end && self.end_wait(what, &last_words).await {
            return;
        }
        let next_try = now.plus_seconds(seconds);
        if is_new {
            tracing::warn!(target: WAITS, company = %self.manager.company, run = %self.run, what, %last_words, "run waits");
            let via = self.manager.context.transport.name();
            let last_words = last_words.clone();
            self.record(Some(RunWait { via, what, last_words, next_try })).await;
        }
        let latest = LatestTry { run: self.run, last_words, next_try };
        self.manager.context.waiting.set(&self.manager.company, latest);
        let current = Some((self.run, self.fence));
        self.manager
            .rest(pending, seconds, |pending| pending.given_up || pending.run != current)
            .await;
    }

    /// Ends a wait that has lasted too long. Returns whether that is stored.
    async fn end_wait(&self, what: &str, last_words: &str) -> bool {
        tracing::warn!(company = %self.manager.company, run = %self.run, what, %last_words, "run has waited too long, failing the rest");
        let command = EndWaitingRun { run: self.run, fence: self.fence };
        matches!(self.manager.submit(command, self.run.0).await, Reply::Accepted { .. })
    }

    pub(super) async fn stop_waiting(&mut self) {
        if let Some(wait) = self.wait.take() {
            tracing::info!(company = %self.manager.company, run = %self.run, since = %wait.since, "run goes on");
            self.manager.context.waiting.clear(&self.manager.company);
            self.record(None).await;
        }
    }

    /// Stores the start or the end of a wait, with retries: the log shows why a run took long.
    async fn record(&self, wait: Option<RunWait>) {
        let command = RecordWait { run: self.run, fence: self.fence, wait };
        while let Reply::Failed { why, .. } = self.manager.submit(command.clone(), self.run.0).await
        {
            if self.manager.handle.has_stopped() || self.manager.is_closing() {
                return;
            }
            tracing::warn!(company = %self.manager.company, run = %self.run, %why, "append failed, retrying the wait of a run");
            pause().await;
        }
    }
}
