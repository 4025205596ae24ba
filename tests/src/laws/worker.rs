//! The run worker of the model world: claims, sends and reports as the engine's does, and may be lost at any phase.

use boarding_commands::code::Code;
use boarding_commands::company::{Effects, RecipientState, Undo};
use boarding_commands::decide::runs::recipients::{Report, own_message_id};
use boarding_commands::decide::{
    ClaimNotification, ClaimRecipients, Command, ImportRows, ListRecipients, ReportNotification,
    ReportRecipients, Tick, UndoRows, next_turn,
};
use boarding_commands::event::{Event, Who};
use boarding_commands::id::{CommandId, ImportId};
use boarding_commands::personal::Personal;
use boarding_commands::time::Time;
use serde_json::Value;

use super::broken::{Law, holds};
use super::mailer::{Claim, Fault};
use super::tenant::{Asking, Reply, Tenant};
use super::world::Shared;
use crate::support::random::SeededRandom;

/// What the worker holds in its hands and a crash takes from it.
#[derive(Debug, Clone, Default)]
pub(super) struct Worker {
    pub claims: Vec<Claim>,
    pub reports: Vec<(Claim, Report)>,
    /// The last report that was made: it may come in again.
    pub last: Vec<(Claim, Report)>,
}

impl Tenant {
    /// Asks a command of the engine's own.
    pub(super) fn ask_own(
        &mut self,
        shared: &mut Shared,
        rng: &mut SeededRandom,
        command: impl Into<Command>,
    ) -> Result<Reply, String> {
        let command = command.into();
        let asking = Asking {
            id: CommandId(rng.ulid()),
            name: command.name(),
            body: Value::Null,
            actor: "engine",
            own: Some(command),
            long: false,
        };
        self.ask(shared, &asking)
    }

    pub(super) fn claim(&mut self, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
        let Some(holder) = self.company.lock.holder() else { return Ok(()) };
        let command = ClaimRecipients {
            run: holder.run,
            fence: holder.fence,
            most: 1 + rng.below(3),
            via: "outbox",
        };
        let reply = self.ask_own(shared, rng, command)?;
        holds!(reply.code().is_none(), "P30 the worker's claim was refused: {:?}", reply.code());
        self.worker
            .claims
            .extend(reply.events().iter().filter_map(|event| Claim::of(event, holder.fence)));
        Ok(())
    }

    pub(super) fn send(&mut self, rng: &mut SeededRandom, fault: Fault) -> Law {
        if self.worker.claims.is_empty() {
            return Ok(());
        }
        let claim = self.worker.claims.remove(rng.below(self.worker.claims.len()));
        let report = self.mailer.send(&claim, fault)?;
        self.worker.reports.push((claim, report));
        Ok(())
    }

    /// Reports what is known, or asks the last report once more.
    pub(super) fn report(
        &mut self,
        shared: &mut Shared,
        rng: &mut SeededRandom,
        again: bool,
    ) -> Law {
        if !again {
            self.worker.last = std::mem::take(&mut self.worker.reports);
        }
        let reports = self.worker.last.clone();
        let Some((first, _)) = reports.first() else { return Ok(()) };
        let (run, fence) = (first.run, first.fence);
        let mine = reports.iter().filter(|(claim, _)| claim.run == run);
        let reports = mine
            .map(|(claim, report)| (claim.user.clone(), claim.attempt, report.clone()))
            .collect();
        let reply = self.ask_own(shared, rng, ReportRecipients { run, fence, reports })?;
        let known = self.company.runs.get(&run).is_some_and(|run| run.remaining() > 0);
        holds!(
            !known || reply.code().is_none(),
            "P30 the worker's report was refused: {:?}",
            reply.code()
        );
        Ok(())
    }

    /// P28: claims and reports with another fence change nothing.
    pub(super) fn stale(&mut self, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
        let Some(holder) = self.company.lock.holder() else { return Ok(()) };
        let (run, fence) = (holder.run, holder.fence + 1 + rng.next() % 3);
        let user = self.a_recipient(rng);
        let command: Command = if rng.one_in(2) {
            ClaimRecipients { run, fence, most: 3, via: "outbox" }.into()
        } else {
            ReportRecipients {
                run,
                fence,
                reports: vec![(user, 1, Report::Sent { message_id: None })],
            }
            .into()
        };
        let reply = self.ask_own(shared, rng, command)?;
        holds!(
            reply.code() == Some(Code::RunStaleFence),
            "P28 a stale fence came to {:?}",
            reply.code()
        );
        Ok(())
    }

    /// Somebody of the run that holds the lock.
    pub(super) fn a_recipient(&self, rng: &mut SeededRandom) -> Who {
        let run = self.company.lock.holder().and_then(|holder| self.company.runs.get(&holder.run));
        let found = run.filter(|run| !run.recipients.is_empty()).and_then(|run| {
            let recipient = run.recipients[rng.below(run.recipients.len())];
            self.company.users.get(recipient.user).map(|user| Personal(user.key()))
        });
        found.unwrap_or_else(|| Personal(boarding_commands::id::UserKey::new("nobody")))
    }

    /// The process ends without a word and begins again: what was in hand is gone, claims are recovered.
    pub(super) fn crash(&mut self, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
        self.worker = Worker::default();
        self.replayed(shared)?;
        let claims = self.open_claims();
        if self.mailer.deduplicates {
            self.worker.claims = claims;
            return Ok(());
        }
        let uncertain = Report::Permanent { code: Code::DeliveryUncertain, detail: None };
        self.worker.reports = claims.into_iter().map(|claim| (claim, uncertain.clone())).collect();
        self.report(shared, rng, false)
    }

    /// Claims without a report, as the engine finds them after a start.
    fn open_claims(&self) -> Vec<Claim> {
        let Some(holder) = self.company.lock.holder() else { return Vec::new() };
        let Some(run) = self.company.runs.get(&holder.run) else { return Vec::new() };
        let claim = |&place: &u32| {
            let recipient = run.recipients.get(place as usize)?;
            let user = self.company.users.get(recipient.user)?;
            (recipient.state == RecipientState::Dispatching).then_some(())?;
            Some(Claim {
                run: holder.run,
                fence: holder.fence,
                user: Personal(user.key()),
                attempt: recipient.attempt,
                invitation: user.link(run.channel).invitation?.id,
                generation: recipient.generation,
                message_id: own_message_id(&self.company, holder.run, place),
            })
        };
        run.in_flight.keys().filter_map(claim).collect()
    }

    /// Goes on with imports and lists, as far as one step does.
    pub(super) fn go_on(&mut self, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
        if let Some(run) = self.company.listing.first().copied() {
            self.ask_own(shared, rng, ListRecipients { run })?;
        }
        if let Some(import) = self.company.undoing.first().copied() {
            self.undo(shared, rng, import)?;
        }
        let open: Vec<_> = self.company.open_imports.iter().copied().collect();
        if let Some(import) = open.first().copied() {
            let done = self.company.imports.get(&import).map_or(0, |import| import.rows_done);
            let all = self.files.get(&import).cloned().unwrap_or_default();
            // A chunk may overlap what was done already: it is asked again after a crash.
            let from = usize::try_from(done).unwrap().saturating_sub(rng.below(2));
            let rows = all.into_iter().skip(from).take(1 + rng.below(3)).collect();
            self.ask_own(shared, rng, ImportRows { import, rows })?;
        }
        Ok(())
    }

    /// Takes back some more rows of an import; a chunk may overlap what was done already.
    fn undo(&mut self, shared: &mut Shared, rng: &mut SeededRandom, import: ImportId) -> Law {
        let mut effects = Effects::new(self.id.clone(), import);
        let mut rows = Vec::new();
        for recorded in shared.commits(Some(&self.id)) {
            if !effects.is_over() {
                rows.extend(effects.take(&recorded.commit));
            }
        }
        let undo = self.company.imports.get(&import).map(|import| import.undo);
        let Some(Undo::Going { rows_done, .. }) = undo else {
            return Err("P23 an import is on the list of those being undone, and is not".to_owned());
        };
        let done = rows.iter().filter(|effect| effect.row <= rows_done).count();
        let from = done.saturating_sub(rng.below(2));
        let chunk: Vec<_> = rows.iter().skip(from).take(1 + rng.below(3)).cloned().collect();
        let last = from + chunk.len() >= rows.len();
        self.ask_own(shared, rng, UndoRows { import, rows: chunk, last }).map(|_| ())
    }

    pub(super) fn tick(&mut self, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
        let now = shared.now;
        self.ask_own(shared, rng, Tick { now }).map(|_| ())
    }

    /// Welcome mails: claimed, sent, reported in one go.
    pub(super) fn welcome(&mut self, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
        let reply = self.ask_own(shared, rng, ClaimNotification { most: 2 })?;
        let keys = reply.events().iter().filter_map(|event| match event {
            Event::NotificationDispatched { key, .. } => {
                Some((key.clone(), Report::Sent { message_id: None }))
            }
            _ => None,
        });
        let reports = keys.collect();
        self.ask_own(shared, rng, ReportNotification { reports }).map(|_| ())
    }

    /// After faults stop, everything that was begun comes to its end within bounded steps (liveness, P30).
    pub(super) fn settle(&mut self, shared: &mut Shared, rng: &mut SeededRandom) -> Law {
        let recipients: u64 = self.company.runs.values().map(|run| run.total).sum();
        let rows: u64 = self.company.imports.values().map(|import| import.counts.total).sum();
        let bound = 50 + 10 * (recipients + rows) + 4 * self.company.runs.len() as u64;
        for _ in 0..bound {
            if self.is_idle() {
                return Ok(());
            }
            self.go_on(shared, rng)?;
            self.claim(shared, rng)?;
            while !self.worker.claims.is_empty() {
                self.send(rng, Fault::None)?;
            }
            self.report(shared, rng, false)?;
            self.welcome(shared, rng)?;
            shared.now = self.next_time(shared.now);
            self.tick(shared, rng)?;
        }
        Err(format!(
            "P30 after {bound} steps without faults something still goes on: {:?}",
            self.company.lock
        ))
    }

    fn is_idle(&self) -> bool {
        let company = &self.company;
        company.lock.holder().is_none()
            && company.lock.queue().len() == 0
            && company.scheduled.is_empty()
            && company.open_imports.is_empty()
            && company.undoing.is_empty()
            && company.listing.is_empty()
            && company.notifications.is_empty()
    }

    /// The next moment at which something is due, links' ends aside.
    fn next_time(&self, now: Time) -> Time {
        let run = self.company.lock.holder().and_then(|holder| self.company.runs.get(&holder.run));
        let retry = run.and_then(|run| run.deferred.values().min().copied());
        let next = [retry, next_turn(&self.company)].into_iter().flatten().min();
        next.map_or(now, |next| next.max(now))
    }
}
