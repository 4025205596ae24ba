//! The run worker: claims recipients of the running run, sends their invitations, and reports.

mod recovery;
mod texts;
mod waiting;
mod work;

use boarding_commands::company::Company;
use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::decide::{ClaimRecipients, Command, ReportRecipients, check_mail_settings};
use boarding_commands::event::{Event, Who};
use boarding_commands::values::Code;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::waiting::Obstacle;
use self::work::RunWork;
use super::mails::{self, is_claim, is_text};
use super::manager::{ManagerContext, pause};
use super::transport_health;
use crate::limits::CLAIM_MAX;
use crate::pending_work::PendingWork;
use crate::reply::Reply;

/// The most batches in flight: one is claimed while another is sent.
const BATCHES: usize = 2;

/// Works on the running run of a company until no new work may start. Sets `recovered` to true after each claim of an
/// earlier process has its outcome, or is sent again.
pub(super) async fn manage(manager: ManagerContext, recovered: watch::Sender<bool>) {
    let mut pending = manager.handle.pending_work();
    let mut current: Option<RunWork> = None;
    while let Some((run, fence)) = manager.until(&mut pending, |pending| pending.run).await {
        if manager.handle.has_stopped() {
            break;
        }
        let known = current.take().filter(|work| (work.run, work.fence) == (run, fence));
        let mut work = match known {
            Some(work) => work,
            None => {
                manager.context.waiting.clear(&manager.company);
                let work = RunWork::new(manager.clone(), run, fence).await;
                work.report_placeholders().await;
                work.recover().await;
                recovered.send_replace(true);
                work
            }
        };
        let obstacle = match work.claim_and_send().await {
            Ok(()) => None,
            Err(obstacle) => work.send_texts(obstacle).await,
        };
        match obstacle {
            Some(obstacle) => work.wait_for_transport(obstacle, &mut pending).await,
            None => {
                work.stop_waiting().await;
                work.wait_for_recipient(&mut pending).await;
            }
        }
        current = Some(work);
    }
    manager.context.waiting.clear(&manager.company);
}

/// The outcome of a claim.
enum Claimed {
    Events(Vec<Event>),
    /// No recipient is due now, or this worker has lost the run.
    Nothing,
    /// An operator must change the settings or the link secret first.
    Refused(Obstacle),
    /// The claim may be in the log or not.
    Unknown,
    /// The events of the claim do not fit in one commit.
    TooLarge,
}

impl RunWork {
    /// Logs a line if the mails of the run show a placeholder as link or sender.
    async fn report_placeholders(&self) {
        let has_link_page = self.manager.context.own_link_page().is_some();
        let check = move |company: &Company| check_mail_settings(company, has_link_page);
        let checked = self.manager.inspect(check).await;
        if let Some(Err(refusal)) = checked {
            tracing::info!(company = %self.manager.company, run = %self.run, %refusal, "mails show a placeholder");
        }
    }

    /// Claims recipients and sends their mails until no recipient can be claimed now. A run that waits tries with few
    /// recipients first.
    ///
    /// # Errors
    /// Why no mail can be sent now.
    async fn claim_and_send(&mut self) -> Result<(), Obstacle> {
        let given_up = self.manager.handle.pending_work().borrow().given_up;
        if !given_up && !self.is_first_try {
            self.check().await?;
        }
        let mut sending = JoinSet::new();
        let mut result = Ok(());
        let mut fits = self.claim_size();
        while result.is_ok() && !self.manager.is_closing() {
            let trial = self.trial_size().filter(|_| !given_up);
            let most = fits.min(self.room().await).min(trial.unwrap_or(usize::MAX));
            if most == 0 {
                break;
            }
            let mut has_mails = false;
            match self.claim(self.next_claim(most)).await {
                Claimed::Events(events) => {
                    has_mails = events.iter().any(|event| is_claim(event) && !is_text(event));
                    sending.spawn(self.clone().send(events));
                }
                Claimed::Nothing if self.is_waiting() && sending.is_empty() && !given_up => {
                    return self.untried();
                }
                Claimed::Nothing => break,
                Claimed::Refused(obstacle) => result = Err(obstacle),
                Claimed::Unknown => {
                    // The claim may be in the log although its append failed: only the recovery finds such a claim.
                    // Batches in flight end first, because the recovery decides about all open claims.
                    while sending.join_next().await.is_some() {}
                    pause().await;
                    if !self.manager.is_closing() {
                        self.recover().await;
                    }
                }
                Claimed::TooLarge if most > 1 => fits = most / 2,
                Claimed::TooLarge => {
                    tracing::error!(company = %self.manager.company, run = %self.run, "claim of one recipient does not fit in a commit, run stops here");
                    break;
                }
            }
            // The outcome of a trial decides about the next claim, so a trial has one batch in flight.
            let batches = if trial.is_some() { 1 } else { BATCHES };
            while sending.len() >= batches && result.is_ok() {
                result = sending.join_next().await.and_then(Result::ok).unwrap_or(Ok(()));
            }
            if trial.is_some() && has_mails {
                self.is_first_try = false;
                if result.is_ok() {
                    self.stop_waiting().await;
                }
            }
        }
        while let Some(sent) = sending.join_next().await {
            result = result.and(sent.unwrap_or(Ok(())));
        }
        result
    }

    fn next_claim(&self, most: usize) -> ClaimRecipients {
        let via = self.manager.context.transport.name();
        ClaimRecipients { run: self.run, fence: self.fence, most, via }
    }

    /// Claims recipients of the run.
    async fn claim(&self, claim: impl Into<Command>) -> Claimed {
        match self.manager.submit(claim, self.run.0).await {
            Reply::Accepted { events, .. } if events.is_empty() => Claimed::Nothing,
            Reply::Accepted { events, .. } => Claimed::Events(events),
            Reply::Refused(refusal) if refusal.code == Code::ConfigLinkBaseUrlUnset => {
                Claimed::Refused(Obstacle { what: "settings", last_words: refusal.message })
            }
            Reply::Refused(refusal) if refusal.code == Code::LinkSecretChanged => {
                Claimed::Refused(Obstacle { what: "link secret", last_words: refusal.message })
            }
            Reply::Refused(_) => Claimed::Nothing,
            Reply::Failed { why, .. } => {
                tracing::warn!(company = %self.manager.company, run = %self.run, %why, "claim failed, retrying");
                Claimed::Unknown
            }
            Reply::TooLarge => Claimed::TooLarge,
        }
    }

    /// How many more claims may be open. Only a transport with external workers has this limit. For other transports
    /// the batches in flight are the limit.
    async fn room(&self) -> usize {
        let transport = &self.manager.context.transport;
        if !transport.hands_over() {
            return usize::MAX;
        }
        let run = self.run;
        let open = self
            .manager
            .inspect(move |company| company.runs.get(&run).map_or(0, |run| run.in_flight.len()));
        transport.handed_over_max().saturating_sub(open.await.unwrap_or(usize::MAX))
    }

    fn claim_size(&self) -> usize {
        (self.manager.context.transport.in_flight() / BATCHES).clamp(1, CLAIM_MAX)
    }

    /// Sends the mails of the claims in these events and reports the outcomes.
    ///
    /// # Errors
    /// Why no further mail can be sent now.
    async fn send(self, events: Vec<Event>) -> Result<(), Obstacle> {
        let claimed = |event: &Event| match event {
            Event::InviteDispatched { user, attempt, .. } => {
                Some((user.clone(), *attempt, is_text(event)))
            }
            _ => None,
        };
        let claims: Vec<_> = events.iter().filter_map(claimed).collect();
        if claims.is_empty() {
            return Ok(());
        }
        let sent = mails::send(&self.manager, &events).await;
        let reports = claims.into_iter().zip(sent);
        let reports = reports.filter_map(|((user, attempt, is_text), report)| {
            Some((is_text, (user, attempt, report?)))
        });
        let (texts, mails): (Vec<_>, Vec<_>) = reports.partition(|(is_text, _)| *is_text);
        let reports = |all: Vec<(bool, _)>| all.into_iter().map(|(_, one)| one).collect();
        let (texts, mails): (Vec<_>, Vec<_>) = (reports(texts), reports(mails));
        // An engine that stops returns mails unsent. These outcomes say nothing about the transport.
        let closing = self.manager.is_closing();
        let only_texts = mails.is_empty();
        let judged = if closing { Ok(()) } else { self.judge(&mails, &texts).await };
        // Mails continue while texts cannot be sent. These texts pause like refused texts, or they would be due at once.
        let mails_go_on = judged.is_err() && only_texts && self.has_mails_left().await;
        // Whether a refusal counts against the retry time of its recipient.
        let counts = (judged.is_ok() || mails_go_on) && !closing;
        let reports = mails.into_iter().chain(texts).map(|(user, attempt, outcome)| {
            (user, attempt, transport_health::counted(outcome, counts))
        });
        let reports: Vec<_> = reports.collect();
        if !reports.is_empty() {
            self.report(reports).await;
        }
        if mails_go_on { Ok(()) } else { judged }
    }

    /// Appends reports. Retries until the actor stops, because the outcome of a sent mail must not be lost. Reports
    /// that do not fit in one commit are split. A single report that does not fit loses its detail text.
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
    async fn wait_for_recipient(&self, pending: &mut watch::Receiver<PendingWork>) {
        // Reading with `borrow` does not mark the value as seen, so a change since then ends the wait at once.
        let retry_at = pending.borrow().retry_at;
        let now = self.manager.context.clock.now();
        let ended = pending.borrow().run != Some((self.run, self.fence));
        if ended || retry_at.is_some_and(|at| at <= now) {
            return;
        }
        self.manager.wait_until(pending, retry_at).await;
    }
}
