//! The run worker: claims recipients of the running run, sends their invitations, and reports.

use std::sync::{Arc, Mutex, PoisonError};

use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::decide::runs::recipients::{OpenClaim, open_claims};
use boarding_commands::decide::runs::record_wait::RunWait;
use boarding_commands::decide::{
    ClaimRecipients, EndWaitingRun, RecordWait, ReportRecipients, check_mail_settings,
};
use boarding_commands::event::{Event, Who};
use boarding_commands::values::{Code, RunId, Time};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::mails::{self, is_claim};
use super::manager::{ManagerContext, pause};
use super::relay::{self, ChannelHealth};
use crate::delivery::mail::Purpose;
use crate::limits::{CHANNEL_PAUSE_SECONDS, CHANNEL_PAUSE_SECONDS_MAX, CLAIM_MAX};
use crate::pending_work::PendingWork;
use crate::reply::Reply;
use crate::waiting::LatestTry;

/// The most batches in flight: one is claimed while another is sent.
const BATCHES: usize = 2;

pub(super) async fn manage(manager: ManagerContext) {
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
                work
            }
        };
        match work.claim_and_send().await {
            Ok(()) => {
                work.stop_waiting().await;
                work.wait(&mut pending).await;
            }
            Err(obstacle) => work.wait_for(obstacle, &mut pending).await,
        }
        current = Some(work);
    }
    manager.context.waiting.clear(&manager.company);
}

/// Why no mail of the run can be sent now.
#[derive(Debug, Clone)]
struct Obstacle {
    /// What the run waits for, in words for people.
    what: &'static str,
    /// The last words of the server, or the cause.
    last_words: String,
}

/// Since when the run waits, and how often this process has tried in vain.
#[derive(Debug, Clone, Copy)]
struct Wait {
    since: Time,
    tries: u32,
}

impl Wait {
    fn from(since: Time) -> Self {
        Self { since, tries: 0 }
    }

    /// When the longest wait is over. `started` is the time since when this process works on the run: a wait that was
    /// over before starts again, because no process has tried since.
    fn end(self, minutes: u64, started: Time) -> Time {
        let longest = |since: Time| since.plus_seconds(minutes.saturating_mul(60));
        let end = longest(self.since);
        if end > started { end } else { longest(started) }
    }
}

/// The answer to a claim.
enum Claimed {
    Events(Vec<Event>),
    /// Nobody is due now, or this worker has lost the run.
    Nothing,
    Refused(Obstacle),
    /// The claim may be in the log or not.
    Unknown,
    TooLarge,
}

/// The recipients with whom a waiting run tries the channel. More each time, because the first may be refused for
/// reasons of their own.
fn trial_size(tries: u32) -> usize {
    1usize.checked_shl(tries.saturating_sub(1)).unwrap_or(CLAIM_MAX).clamp(1, CLAIM_MAX)
}

/// The pause after so many tries in vain, in seconds.
fn pause_seconds(tries: u32) -> u64 {
    let doubled = 1u64.checked_shl(tries).unwrap_or(u64::MAX);
    CHANNEL_PAUSE_SECONDS.saturating_mul(doubled).min(CHANNEL_PAUSE_SECONDS_MAX)
}

/// The work on one run under one fence.
#[derive(Debug, Clone)]
struct RunWork {
    manager: ManagerContext,
    run: RunId,
    fence: u64,
    health: Arc<Mutex<ChannelHealth>>,
    /// Set while the run waits.
    wait: Option<Wait>,
    /// Since when this process works on the run.
    started: Time,
}

impl RunWork {
    async fn new(manager: ManagerContext, run: RunId, fence: u64) -> Self {
        let since = manager.inspect(move |company| company.runs.get(&run)?.waits_since).await;
        let wait = since.flatten().map(Wait::from);
        let started = manager.context.clock.now();
        Self { manager, run, fence, health: Arc::default(), wait, started }
    }

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
            // If the mails cannot be sent now, their recipients wait for the next claim.
            let _ = self.clone().send(claims.to_vec()).await;
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
    ///
    /// # Errors
    /// Why no mail can be sent now. A run that waits tries with few recipients first.
    async fn claim_and_send(&mut self) -> Result<(), Obstacle> {
        let given_up = self.manager.handle.pending_work().borrow().given_up;
        if !given_up {
            self.check_channel().await?;
        }
        let mut sending = JoinSet::new();
        let mut result = Ok(());
        let mut fits = self.claim_size();
        while result.is_ok() && !self.manager.is_closing() {
            let trial = self.wait.filter(|_| !given_up).map(|wait| trial_size(wait.tries));
            let most = fits.min(self.room().await).min(trial.unwrap_or(usize::MAX));
            if most == 0 {
                break;
            }
            let mut has_mails = false;
            match self.claim(most).await {
                Claimed::Events(events) => {
                    has_mails = events.iter().any(is_claim);
                    sending.spawn(self.clone().send(events));
                }
                Claimed::Nothing if trial.is_some() && sending.is_empty() => return self.untried(),
                Claimed::Nothing => break,
                Claimed::Refused(obstacle) => result = Err(obstacle),
                Claimed::Unknown => {
                    // The claim may be in the log although it failed. Then only the recovery finds it.
                    while sending.join_next().await.is_some() {}
                    pause().await;
                    if !self.manager.is_closing() {
                        self.recover().await;
                    }
                }
                Claimed::TooLarge => fits = most / 2,
            }
            // A run that waits knows more only after its mail was tried.
            let batches = if trial.is_some() { 1 } else { BATCHES };
            while sending.len() >= batches && result.is_ok() {
                result = sending.join_next().await.and_then(Result::ok).unwrap_or(Ok(()));
            }
            if trial.is_some() && has_mails && result.is_ok() {
                self.stop_waiting().await;
            }
        }
        while let Some(sent) = sending.join_next().await {
            result = result.and(sent.unwrap_or(Ok(())));
        }
        result
    }

    /// Claims recipients of the run.
    async fn claim(&self, most: usize) -> Claimed {
        let via = self.manager.context.channel.name();
        let claim = ClaimRecipients { run: self.run, fence: self.fence, most, via };
        match self.manager.submit(claim, self.run.0).await {
            Reply::Accepted { events, .. } if events.is_empty() => Claimed::Nothing,
            Reply::Accepted { events, .. } => Claimed::Events(events),
            Reply::Refused(refusal) if refusal.code == Code::ConfigLinkBaseUrlUnset => {
                Claimed::Refused(Obstacle { what: "settings", last_words: refusal.message })
            }
            Reply::Refused(_) => Claimed::Nothing,
            Reply::Failed { why, .. } => {
                tracing::warn!(company = %self.manager.company, run = %self.run, %why, "claim failed, retrying");
                Claimed::Unknown
            }
            Reply::TooLarge if most > 1 => Claimed::TooLarge,
            Reply::TooLarge => {
                tracing::error!(company = %self.manager.company, run = %self.run, "claim of one recipient does not fit in a commit, run stops here");
                Claimed::Nothing
            }
        }
    }

    /// Nobody is due while the run waits, so the channel could not be tried.
    fn untried(&self) -> Result<(), Obstacle> {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        Err(self.obstacle(health.last_words()))
    }

    fn obstacle(&self, last_words: String) -> Obstacle {
        Obstacle { what: self.manager.context.channel.resource(), last_words }
    }

    async fn check_channel(&self) -> Result<(), Obstacle> {
        let ready = self.manager.context.channel.ready().await;
        ready.map_err(|last_words| self.obstacle(last_words))
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
    ///
    /// # Errors
    /// Why no further mail can be sent now.
    async fn send(self, events: Vec<Event>) -> Result<(), Obstacle> {
        let claimed = |event: &Event| match event {
            Event::InviteDispatched { user, attempt, .. } => Some((user.clone(), *attempt)),
            _ => None,
        };
        let claims: Vec<(Who, u32)> = events.iter().filter_map(claimed).collect();
        if claims.is_empty() {
            return Ok(());
        }
        let sent = mails::send(&self.manager, &events).await;
        let reports = claims.into_iter().zip(sent);
        let reports: Vec<_> = reports
            .filter_map(|((user, attempt), report)| Some((user, attempt, report?)))
            .collect();
        if reports.is_empty() {
            return Ok(());
        }
        // While the program stops, mails are refused by the program and not by the channel.
        let closing = self.manager.is_closing();
        let judged = if closing { Ok(()) } else { self.judge(&reports).await };
        let counts = judged.is_ok() && !closing;
        let reports = reports
            .into_iter()
            .map(|(user, attempt, outcome)| (user, attempt, relay::counted(outcome, counts)));
        self.report(reports.collect()).await;
        judged
    }

    /// Judges from these outcomes whether the channel can send further mails.
    async fn judge(&self, reports: &[(Who, u32, MailOutcome)]) -> Result<(), Obstacle> {
        let run = self.run;
        let remaining = self
            .manager
            .inspect(move |company| company.runs.get(&run).map_or(0, |run| run.remaining()));
        let remaining = remaining.await.unwrap_or_default();
        let (refuses, last_words) = {
            let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
            for (user, _, outcome) in reports {
                health.note(user, outcome);
            }
            (health.refuses_everybody(remaining), health.last_words())
        };
        let in_vain = |(_, _, outcome): &(Who, u32, MailOutcome)| match outcome {
            MailOutcome::Retry { .. } => true,
            MailOutcome::Failed { code, .. } => code.leaves_delivery_open(),
            MailOutcome::Sent { .. } | MailOutcome::Skipped { .. } => false,
        };
        if refuses || (self.wait.is_some() && reports.iter().all(in_vain)) {
            return Err(self.obstacle(last_words));
        }
        let broke = |(_, _, outcome): &(Who, u32, MailOutcome)| match outcome {
            MailOutcome::Retry { code, .. } => *code == Code::DeliveryServerUnavailable,
            MailOutcome::Failed { code, .. } => code.leaves_delivery_open(),
            MailOutcome::Sent { .. } | MailOutcome::Skipped { .. } => false,
        };
        if reports.iter().any(broke) { self.check_channel().await } else { Ok(()) }
    }

    /// Waits for the channel, or ends the run after the longest wait of the company.
    async fn wait_for(&mut self, obstacle: Obstacle, pending: &mut watch::Receiver<PendingWork>) {
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
            tracing::warn!(company = %self.manager.company, run = %self.run, what, %last_words, "run waits");
            let via = self.manager.context.channel.name();
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

    async fn stop_waiting(&mut self) {
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
    async fn wait(&self, pending: &mut watch::Receiver<PendingWork>) {
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
