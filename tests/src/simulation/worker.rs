//! The simulated run worker: claims, sends and reports mails, and may crash between any two steps.

use std::sync::Arc;

use boarding_commands::company::{Effects, RecipientState, Undo};
use boarding_commands::decide::imports::AllotmentBuilder;
use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::decide::runs::recipients::own_message_id;
use boarding_commands::decide::{
    ClaimNotification, ClaimRecipients, Command, ImportRows, ListRecipients, ReportNotification,
    ReportRecipients, Tick, UndoRows, next_tick_at,
};
use boarding_commands::event::{Event, Who};
use boarding_commands::values::{Code, CommandId, ImportId, Personal, Time};
use serde_json::Value;

use super::company::{Reply, Request, SimulatedCompany, Worker};
use super::environment::Environment;
use super::mailer::{ClaimedMail, MailFault};
use super::violation::{CheckResult, ensure};
use crate::support::random::SeededRandom;

impl SimulatedCompany {
    /// Submits an internal command of the engine.
    pub(super) fn submit_internal(
        &mut self,
        env: &mut Environment,
        rng: &mut SeededRandom,
        command: impl Into<Command>,
    ) -> Result<Reply, String> {
        let command = command.into();
        let request = Request {
            id: CommandId(rng.ulid()),
            name: command.name(),
            body: Value::Null,
            actor: "engine",
            internal: Some(command),
            splits_import: false,
        };
        self.submit(env, &request)
    }

    /// Claims up to three recipients of the running run.
    pub(super) fn claim_mails(
        &mut self,
        env: &mut Environment,
        rng: &mut SeededRandom,
    ) -> CheckResult {
        let Some(holder) = self.state.lock.holder() else { return Ok(()) };
        let command = ClaimRecipients {
            run: holder.run,
            fence: holder.fence,
            most: 1 + rng.below(3),
            via: "outbox",
        };
        let reply = self.submit_internal(env, rng, command)?;
        ensure!(reply.code().is_none(), "P30 the worker's claim was refused: {:?}", reply.code());
        self.worker.claims.extend(
            reply.events().iter().filter_map(|event| ClaimedMail::from_event(event, holder.fence)),
        );
        Ok(())
    }

    /// Sends one of the claimed mails, if there is one.
    pub(super) fn send_mail(&mut self, rng: &mut SeededRandom, fault: MailFault) -> CheckResult {
        if self.worker.claims.is_empty() {
            return Ok(());
        }
        let claim = self.worker.claims.remove(rng.below(self.worker.claims.len()));
        let report = self.mailer.send(&claim, fault)?;
        self.worker.reports.push((claim, report));
        Ok(())
    }

    /// Reports the results of the sent mails, or repeats the last reports.
    pub(super) fn report_results(
        &mut self,
        env: &mut Environment,
        rng: &mut SeededRandom,
        again: bool,
    ) -> CheckResult {
        if !again {
            self.worker.last_reports = std::mem::take(&mut self.worker.reports);
        }
        let reports = self.worker.last_reports.clone();
        let Some((first, _)) = reports.first() else { return Ok(()) };
        let (run, fence) = (first.run, first.fence);
        let of_run = reports.iter().filter(|(claim, _)| claim.run == run);
        let reports = of_run
            .map(|(claim, report)| (claim.user.clone(), claim.attempt, report.clone()))
            .collect();
        let reply = self.submit_internal(env, rng, ReportRecipients { run, fence, reports })?;
        let is_open = self.state.runs.get(&run).is_some_and(|run| run.remaining() > 0);
        ensure!(
            !is_open || reply.code().is_none(),
            "P30 the worker's report was refused: {:?}",
            reply.code()
        );
        Ok(())
    }

    /// P28: the company refuses claims and reports with a stale fence.
    pub(super) fn use_stale_fence(
        &mut self,
        env: &mut Environment,
        rng: &mut SeededRandom,
    ) -> CheckResult {
        let Some(holder) = self.state.lock.holder() else { return Ok(()) };
        let (run, fence) = (holder.run, holder.fence + 1 + rng.next() % 3);
        let user = self.a_recipient(rng);
        let command: Command = if rng.one_in(2) {
            ClaimRecipients { run, fence, most: 3, via: "outbox" }.into()
        } else {
            ReportRecipients { run, fence, reports: vec![(user, 1, MailOutcome::SENT)] }.into()
        };
        let reply = self.submit_internal(env, rng, command)?;
        ensure!(
            reply.code() == Some(Code::RunStaleFence),
            "P28 a stale fence returned {:?}",
            reply.code()
        );
        Ok(())
    }

    /// A recipient of the running run, or an unknown user.
    pub(super) fn a_recipient(&self, rng: &mut SeededRandom) -> Who {
        let run = self.state.lock.holder().and_then(|holder| self.state.runs.get(&holder.run));
        let found = run.filter(|run| !run.recipients.is_empty()).and_then(|run| {
            let recipient = run.recipients[rng.below(run.recipients.len())];
            self.state.users.get(recipient.user).map(|user| Personal(user.key()))
        });
        found.unwrap_or_else(|| Personal(boarding_commands::values::UserKey::new("nobody")))
    }

    /// The process crashes and restarts: the worker's memory is lost, open claims are recovered.
    pub(super) fn crash(&mut self, env: &mut Environment, rng: &mut SeededRandom) -> CheckResult {
        self.worker = Worker::default();
        self.check_replay(env)?;
        let claims = self.open_claims();
        if self.mailer.deduplicates {
            self.worker.claims = claims;
            return Ok(());
        }
        let uncertain = MailOutcome::failed(Code::DeliveryUncertain);
        self.worker.reports = claims.into_iter().map(|claim| (claim, uncertain.clone())).collect();
        self.report_results(env, rng, false)
    }

    /// The claims without a report, as the engine recovers them on start.
    fn open_claims(&self) -> Vec<ClaimedMail> {
        let Some(holder) = self.state.lock.holder() else { return Vec::new() };
        let Some(run) = self.state.runs.get(&holder.run) else { return Vec::new() };
        let claim = |&index: &u32| {
            let recipient = run.recipients.get(index as usize)?;
            let user = self.state.users.get(recipient.user)?;
            (recipient.state == RecipientState::Dispatching).then_some(())?;
            Some(ClaimedMail {
                run: holder.run,
                fence: holder.fence,
                user: Personal(user.key()),
                attempt: recipient.attempt,
                invitation: user.link(run.channel).invitation?.id,
                generation: recipient.generation,
                message_id: own_message_id(&self.state, holder.run, index),
            })
        };
        run.in_flight.keys().filter_map(claim).collect()
    }

    /// Appends the next part of a recipient list, an undo and an import, where one is unfinished.
    pub(super) fn continue_imports(
        &mut self,
        env: &mut Environment,
        rng: &mut SeededRandom,
    ) -> CheckResult {
        if let Some(run) = self.state.listing.first().copied() {
            self.submit_internal(env, rng, ListRecipients { run })?;
        }
        if let Some(import) = self.state.undoing.first().copied() {
            self.continue_undo(env, rng, import)?;
        }
        let open: Vec<_> = self.state.open_imports.iter().copied().collect();
        if let Some(import) = open.first().copied() {
            let done = self.state.imports.get(&import).map_or(0, |import| import.rows_done);
            let all = self.import_rows.get(&import).cloned().unwrap_or_default();
            // After a crash the engine may submit the last row again, so chunks may overlap.
            let from = usize::try_from(done).unwrap().saturating_sub(rng.below(2));
            let mut builder = AllotmentBuilder::default();
            builder.add(&self.state, import, &all);
            let rows: Vec<_> = all.into_iter().skip(from).take(1 + rng.below(3)).collect();
            let allotment = Some(Arc::new(builder.allot()));
            self.submit_internal(env, rng, ImportRows { import, rows: rows.into(), allotment })?;
        }
        Ok(())
    }

    /// Undoes up to three more rows of an import. A chunk may overlap the rows already undone.
    fn continue_undo(
        &mut self,
        env: &mut Environment,
        rng: &mut SeededRandom,
        import: ImportId,
    ) -> CheckResult {
        let mut effects = Effects::new(self.id.clone(), import);
        let mut rows = Vec::new();
        for recorded in env.commits(Some(&self.id)) {
            if !effects.is_over() {
                rows.extend(effects.take(&recorded.commit));
            }
        }
        let undo = self.state.imports.get(&import).map(|import| import.undo);
        let Some(Undo::Going { rows_done, .. }) = undo else {
            return Err("P23 an import in `undoing` is not being undone".to_owned());
        };
        let done = rows.iter().filter(|effect| effect.row <= rows_done).count();
        let from = done.saturating_sub(rng.below(2));
        let chunk: Vec<_> = rows.iter().skip(from).take(1 + rng.below(3)).cloned().collect();
        let last = from + chunk.len() >= rows.len();
        self.submit_internal(env, rng, UndoRows { import, rows: chunk, last }).map(|_| ())
    }

    pub(super) fn tick(&mut self, env: &mut Environment, rng: &mut SeededRandom) -> CheckResult {
        let now = env.now;
        self.submit_internal(env, rng, Tick { now }).map(|_| ())
    }

    /// Claims up to two notifications and reports them as sent.
    pub(super) fn send_notifications(
        &mut self,
        env: &mut Environment,
        rng: &mut SeededRandom,
    ) -> CheckResult {
        let reply = self.submit_internal(env, rng, ClaimNotification { most: 2, via: "outbox" })?;
        let keys = reply.events().iter().filter_map(|event| match event {
            Event::NotificationDispatched { key, .. } => Some((key.clone(), MailOutcome::SENT)),
            _ => None,
        });
        let reports = keys.collect();
        let report = ReportNotification { via: "outbox", working_since: env.now, reports };
        self.submit_internal(env, rng, report).map(|_| ())
    }

    /// P30: without faults, every run, import and notification ends within a bounded number of steps.
    pub(super) fn settle(&mut self, env: &mut Environment, rng: &mut SeededRandom) -> CheckResult {
        let recipients: u64 = self.state.runs.values().map(|run| run.total).sum();
        let rows: u64 = self.state.imports.values().map(|import| import.counts.total).sum();
        let bound = 50 + 10 * (recipients + rows) + 4 * self.state.runs.len() as u64;
        for _ in 0..bound {
            if self.is_idle() {
                return Ok(());
            }
            self.continue_imports(env, rng)?;
            self.claim_mails(env, rng)?;
            while !self.worker.claims.is_empty() {
                self.send_mail(rng, MailFault::None)?;
            }
            self.report_results(env, rng, false)?;
            self.send_notifications(env, rng)?;
            env.now = self.next_due_time(env.now);
            self.tick(env, rng)?;
        }
        Err(format!("P30 not finished after {bound} steps without faults: {:?}", self.state.lock))
    }

    fn is_idle(&self) -> bool {
        let state = &self.state;
        state.lock.holder().is_none()
            && state.lock.queue().len() == 0
            && state.scheduled.is_empty()
            && state.open_imports.is_empty()
            && state.undoing.is_empty()
            && state.listing.is_empty()
            && state.notifications.is_empty()
    }

    /// The time of the next retry or turn. Expiry of links does not count.
    fn next_due_time(&self, now: Time) -> Time {
        let run = self.state.lock.holder().and_then(|holder| self.state.runs.get(&holder.run));
        let retry = run.and_then(|run| run.deferred.values().min().copied());
        let next = [retry, next_tick_at(&self.state)].into_iter().flatten().min();
        next.map_or(now, |next| next.max(now))
    }
}
