//! The run worker: claims the next recipients of the run that holds the lock, sends, and reports.

use boarding_commands::decide::runs::recipients::{OpenClaim, Report, open_claims};
use boarding_commands::decide::{ClaimRecipients, ReportRecipients};
use boarding_commands::event::{Channel, Event, Who};
use boarding_commands::values::{Code, RunId};
use tokio::task::JoinSet;

use super::{ManagerContext, pause};
use crate::actor::Reply;
use crate::delivery::mail::Purpose;
use crate::limits::CLAIM_MAX;

/// How many batches are on their way at once: one is claimed while another is sent.
const BATCHES: usize = 2;

pub(super) async fn manage(manager: ManagerContext) {
    let mut pending = manager.handle.pending_work();
    let mut recovered = None;
    while let Some((run, fence)) = manager.until(&mut pending, |pending| pending.run).await {
        let channel = manager.inspect(move |company| company.runs.get(&run).map(|run| run.channel));
        let Some(channel) = channel.await.flatten() else { return };
        let turn = Turn { manager: manager.clone(), run, fence, channel };
        if recovered != Some((run, fence)) {
            turn.recover().await;
            recovered = Some((run, fence));
        }
        turn.work().await;
        turn.wait(&mut pending).await;
    }
}

/// The worker's turn at one start of one run.
#[derive(Debug, Clone)]
struct Turn {
    manager: ManagerContext,
    run: RunId,
    fence: u64,
    channel: Channel,
}

impl Turn {
    /// Claims of an earlier process have no report, and nobody knows whether they were sent. A channel
    /// that deduplicates is handed them again, for as long as it does, unless the person may not be
    /// written to any more; all others are uncertain, and never sent again.
    async fn recover(&self) {
        let (run, now) = (self.run, self.manager.context.clock.now());
        let via = self.manager.context.channel.name();
        let open = self.manager.inspect(move |company| open_claims(company, run, via, now)).await;
        let open = open.unwrap_or_default();
        if open.is_empty() {
            return;
        }
        tracing::info!(company = %self.manager.company, run = %self.run, claims = open.len(), "claims of an earlier process");
        let within = self.manager.context.repeats_within_seconds(Purpose::Run(self.run));
        let again = |claim: &OpenClaim| claim.may_go_on && now < claim.since.plus_seconds(within);
        let (again, uncertain): (Vec<_>, Vec<_>) = open.into_iter().partition(again);
        let again: Vec<Event> = again.into_iter().map(|open| open.claim).collect();
        for claims in again.chunks(self.claim_size()) {
            self.clone().send(claims.to_vec()).await;
        }
        let in_doubt = |open: &OpenClaim| match &open.claim {
            Event::InviteDispatched { user, attempt, .. } => Some((
                user.clone(),
                *attempt,
                Report::Permanent { code: Code::DeliveryUncertain, detail: None },
            )),
            _ => None,
        };
        for claims in uncertain.chunks(CLAIM_MAX) {
            self.report(claims.iter().filter_map(in_doubt).collect()).await;
        }
    }

    /// Claims and sends until nobody's turn is now.
    async fn work(&self) {
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
                Reply::Refused(_) => break,
                Reply::Failed { why, .. } => {
                    tracing::warn!(company = %self.manager.company, run = %self.run, %why, "the run waits");
                    // Perhaps it was appended all the same: then nobody else knows of these claims.
                    while sending.join_next().await.is_some() {}
                    pause().await;
                    if !self.manager.is_closing() {
                        self.recover().await;
                    }
                }
                Reply::TooLarge if most > 1 => fits = most / 2,
                Reply::TooLarge => {
                    tracing::error!(company = %self.manager.company, run = %self.run, "a single claim does not fit in a commit");
                    break;
                }
            }
        }
        while sending.join_next().await.is_some() {}
    }

    /// How many more claims may be open. Where a claim is over when its mail is answered, the batches on
    /// their way are the limit.
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

    /// Sends the claims among these events, and reports what became of each.
    async fn send(self, events: Vec<Event>) {
        let claimed = |event: &Event| match event {
            Event::InviteDispatched { user, attempt, .. } => Some((user.clone(), *attempt)),
            _ => None,
        };
        let claims: Vec<(Who, u32)> = events.iter().filter_map(claimed).collect();
        if claims.is_empty() {
            return;
        }
        let sent = self.manager.send(&events, self.channel).await;
        let reports = claims.into_iter().zip(sent);
        let reports: Vec<_> = reports
            .filter_map(|((user, attempt), report)| Some((user, attempt, report?)))
            .collect();
        if !reports.is_empty() {
            self.report(reports).await;
        }
    }

    /// Reports until the log has taken it: what was sent must not be forgotten. Reports that do not fit in
    /// one commit go in halves, and a single one without its words.
    async fn report(&self, reports: Vec<(Who, u32, Report)>) {
        let mut waiting = vec![reports];
        while let Some(mut reports) = waiting.pop() {
            let command =
                ReportRecipients { run: self.run, fence: self.fence, reports: reports.clone() };
            match self.manager.submit(command, self.run.0).await {
                Reply::Accepted { .. } => {}
                Reply::Failed { why, .. } if !self.manager.handle.has_stopped() => {
                    tracing::warn!(company = %self.manager.company, run = %self.run, %why, "reports wait");
                    pause().await;
                    waiting.push(reports);
                }
                Reply::Failed { .. } => return,
                Reply::Refused(refusal) => {
                    tracing::warn!(company = %self.manager.company, run = %self.run, %refusal, "reports came too late");
                }
                Reply::TooLarge if reports.len() > 1 => {
                    let rest = reports.split_off(reports.len() / 2);
                    waiting.extend([rest, reports]);
                }
                Reply::TooLarge if reports.iter_mut().any(forget_words) => waiting.push(reports),
                Reply::TooLarge => {
                    tracing::error!(company = %self.manager.company, run = %self.run, "a report without words does not fit in a commit");
                }
            }
        }
    }

    /// Waits until somebody's turn may have come: the list has grown, a wait is over, or the run has ended.
    async fn wait(&self, pending: &mut tokio::sync::watch::Receiver<super::PendingWork>) {
        // What changed since the turn began has not been looked at: it ends the wait at once.
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

/// Takes a report's words away, so that what they are about is not lost; whether there were any.
fn forget_words((_, _, report): &mut (Who, u32, Report)) -> bool {
    match report {
        Report::Sent { message_id } => message_id.take().is_some(),
        Report::Skipped { detail, .. }
        | Report::Temporary { detail, .. }
        | Report::Permanent { detail, .. } => detail.take().is_some(),
    }
}
