//! The run worker: claims recipients of the running run, sends their invitations, and reports.

use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::decide::runs::recipients::{OpenClaim, open_claims};
use boarding_commands::decide::{ClaimRecipients, ReportRecipients, check_mail_settings};
use boarding_commands::event::{Event, Who};
use boarding_commands::values::{Code, RunId};
use tokio::task::JoinSet;

use super::mails;
use super::manager::{ManagerContext, pause};
use crate::delivery::mail::Purpose;
use crate::limits::CLAIM_MAX;
use crate::pending_work::PendingWork;
use crate::reply::Reply;

/// The most batches in flight: one is claimed while another is sent.
const BATCHES: usize = 2;

pub(super) async fn manage(manager: ManagerContext) {
    let mut pending = manager.handle.pending_work();
    let mut recovered = None;
    while let Some((run, fence)) = manager.until(&mut pending, |pending| pending.run).await {
        if manager.handle.has_stopped() {
            return;
        }
        let work = RunWork { manager: manager.clone(), run, fence };
        if recovered != Some((run, fence)) {
            work.report_placeholders().await;
            work.recover().await;
            recovered = Some((run, fence));
        }
        work.claim_and_send().await;
        work.wait(&mut pending).await;
    }
}

/// The work on one run under one fence.
#[derive(Debug, Clone)]
struct RunWork {
    manager: ManagerContext,
    run: RunId,
    fence: u64,
}

impl RunWork {
    /// Logs that the mails of the run show a placeholder as link or sender.
    async fn report_placeholders(&self) {
        let checked = self.manager.inspect(check_mail_settings).await;
        if let Some(Err(refusal)) = checked {
            tracing::info!(company = %self.manager.company, run = %self.run, %refusal, "mails show a placeholder");
        }
    }

    /// Handles open claims of an earlier process: it is unknown whether their mails were sent. They are sent
    /// again only if the channel deduplicates, within its time limit, and if the person may still be invited.
    /// All others are reported as uncertain and never sent again.
    async fn recover(&self) {
        let (run, now) = (self.run, self.manager.context.clock.now());
        let via = self.manager.context.channel.name();
        let open = self.manager.inspect(move |company| open_claims(company, run, via, now)).await;
        let open = open.unwrap_or_default();
        if open.is_empty() {
            return;
        }
        tracing::info!(company = %self.manager.company, run = %self.run, claims = open.len(), "recovering open claims of an earlier process");
        let within = self.manager.context.repeats_within_seconds(Purpose::Run(self.run));
        let again = |claim: &OpenClaim| claim.may_go_on && now < claim.since.plus_seconds(within);
        let (again, uncertain): (Vec<_>, Vec<_>) = open.into_iter().partition(again);
        let again: Vec<Event> = again.into_iter().map(|open| open.claim).collect();
        for claims in again.chunks(self.claim_size()) {
            self.clone().send(claims.to_vec()).await;
        }
        let in_doubt = |open: &OpenClaim| match &open.claim {
            Event::InviteDispatched { user, attempt, .. } => {
                Some((user.clone(), *attempt, MailOutcome::failed(Code::DeliveryUncertain)))
            }
            _ => None,
        };
        for claims in uncertain.chunks(CLAIM_MAX) {
            self.report(claims.iter().filter_map(in_doubt).collect()).await;
        }
    }

    /// Claims and sends until no recipient can be claimed now.
    async fn claim_and_send(&self) {
        let mut sending = JoinSet::new();
        let mut fits = self.claim_size();
        loop {
            while sending.len() >= BATCHES {
                sending.join_next().await;
            }
            if self.manager.is_closing() {
                break;
            }
            let most = fits.min(self.room().await);
            if most == 0 {
                break;
            }
            let claim = ClaimRecipients {
                run: self.run,
                fence: self.fence,
                most,
                via: self.manager.context.channel.name(),
            };
            match self.manager.submit(claim, self.run.0).await {
                Reply::Accepted { events, .. } if events.is_empty() => break,
                Reply::Accepted { events, .. } => {
                    sending.spawn(self.clone().send(events));
                }
                Reply::Refused(refusal) => {
                    tracing::warn!(company = %self.manager.company, run = %self.run, %refusal, "claim refused");
                    break;
                }
                Reply::Failed { why, .. } => {
                    tracing::warn!(company = %self.manager.company, run = %self.run, %why, "claim failed, retrying");
                    // The claim may be in the log although it failed. Then only the recovery finds it.
                    while sending.join_next().await.is_some() {}
                    pause().await;
                    if !self.manager.is_closing() {
                        self.recover().await;
                    }
                }
                Reply::TooLarge if most > 1 => fits = most / 2,
                Reply::TooLarge => {
                    tracing::error!(company = %self.manager.company, run = %self.run, "claim of one recipient does not fit in a commit, run stops here");
                    break;
                }
            }
        }
        while sending.join_next().await.is_some() {}
    }

    /// How many more claims may be open. Only a channel with external workers has this limit; other channels are
    /// limited by the batches in flight.
    async fn room(&self) -> usize {
        let channel = &self.manager.context.channel;
        if !channel.hands_over() {
            return usize::MAX;
        }
        let run = self.run;
        let open = self
            .manager
            .inspect(move |company| company.runs.get(&run).map_or(0, |run| run.in_flight.len()));
        channel.in_flight().saturating_sub(open.await.unwrap_or(usize::MAX))
    }

    fn claim_size(&self) -> usize {
        (self.manager.context.channel.in_flight() / BATCHES).clamp(1, CLAIM_MAX)
    }

    /// Sends the mails of the claims in these events and reports the outcomes.
    async fn send(self, events: Vec<Event>) {
        let claimed = |event: &Event| match event {
            Event::InviteDispatched { user, attempt, .. } => Some((user.clone(), *attempt)),
            _ => None,
        };
        let claims: Vec<(Who, u32)> = events.iter().filter_map(claimed).collect();
        if claims.is_empty() {
            return;
        }
        let sent = mails::send(&self.manager, &events).await;
        let reports = claims.into_iter().zip(sent);
        let reports: Vec<_> = reports
            .filter_map(|((user, attempt), report)| Some((user, attempt, report?)))
            .collect();
        if !reports.is_empty() {
            self.report(reports).await;
        }
    }

    /// Appends reports, with retries without end: the outcome of a sent mail must not be lost. Reports that do
    /// not fit in one commit are split, and a single one loses its detail text.
    async fn report(&self, reports: Vec<(Who, u32, MailOutcome)>) {
        let mut waiting = vec![reports];
        while let Some(mut reports) = waiting.pop() {
            let command =
                ReportRecipients { run: self.run, fence: self.fence, reports: reports.clone() };
            match self.manager.submit(command, self.run.0).await {
                Reply::Accepted { .. } => {}
                Reply::Failed { why, .. } if !self.manager.handle.has_stopped() => {
                    tracing::warn!(company = %self.manager.company, run = %self.run, %why, "append failed, retrying reports");
                    pause().await;
                    waiting.push(reports);
                }
                Reply::Failed { .. } => return,
                Reply::Refused(refusal) => {
                    tracing::warn!(company = %self.manager.company, run = %self.run, %refusal, "reports rejected");
                }
                Reply::TooLarge if reports.len() > 1 => {
                    let rest = reports.split_off(reports.len() / 2);
                    waiting.extend([rest, reports]);
                }
                Reply::TooLarge
                    if reports.iter_mut().any(|(_, _, outcome)| outcome.drop_detail()) =>
                {
                    waiting.push(reports);
                }
                Reply::TooLarge => {
                    tracing::error!(company = %self.manager.company, run = %self.run, "report of one recipient does not fit in a commit, dropped");
                }
            }
        }
    }

    /// Waits until a recipient may be claimed, or the run has ended.
    async fn wait(&self, pending: &mut tokio::sync::watch::Receiver<PendingWork>) {
        // Reading with `borrow` does not mark the value as seen, so a change since then ends the wait at once.
        let retry_at = pending.borrow().retry_at;
        let now = self.manager.context.clock.now();
        let ended = pending.borrow().run != Some((self.run, self.fence));
        if ended || retry_at.is_some_and(|at| at <= now) {
            return;
        }
        let wait = retry_at.map_or(u64::MAX, |at| u64::try_from(at.0 - now.0).unwrap_or(0));
        self.manager.wait(pending, wait).await;
    }
}
