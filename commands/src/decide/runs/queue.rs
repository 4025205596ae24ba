//! Which run starts next: the end of a run and the start of the next belong to one commit.

use crate::company::{Company, Run, RunState};
use crate::event::{Channel, Event};
use crate::mail_kinds::{self, AT_ONCE};
use crate::values::{RunId, Time};

/// Adds the end of the run after its last outcome, and with it the start of the next run.
pub(crate) fn end_if_done(company: &Company, id: RunId, run: &Run, events: &mut Vec<Event>) {
    let (mut passed, mut skipped, mut failed) = (run.passed, run.skipped, run.failed);
    for event in events.iter() {
        match event {
            Event::InviteSent { run, .. } if *run == id => passed += 1,
            Event::UserSkipped { run, .. } if *run == id => skipped += 1,
            Event::InviteFailed { run, .. } if *run == id => failed += 1,
            _ => {}
        }
    }
    if run.state == RunState::Running && passed + skipped + failed >= run.total {
        events.push(Event::RunCompleted { run: id, passed, skipped, failed });
        if let Some(run) = company.lock.next() {
            events.push(Event::RunStarted { run });
        }
    }
}

/// Adds a run to the queue. If the lock is free, the run starts at once and overtakes no other run: the end of a run
/// starts the next one in the same commit, so no run waits while the lock is free. The lock is free too if an event of this commit ended its holder.
pub(crate) fn enter_queue(company: &Company, run: RunId, events: &mut Vec<Event>) {
    let started = events.iter().any(|event| matches!(event, Event::RunStarted { .. }));
    let ended = events.iter().any(|event| matches!(event, Event::RunCompleted { .. }));
    events.push(Event::RunQueued { run });
    if !started && (ended || company.lock.holder().is_none()) {
        events.push(Event::RunStarted { run });
    }
}

/// The time of the next `Tick` that the company needs.
pub fn next_tick_at(company: &Company) -> Option<Time> {
    let scheduled = company.scheduled.iter().filter_map(|run| company.runs.get(run)?.not_before);
    let running = company.lock.holder().and_then(|holder| company.runs.get(&holder.run));
    let deadline = company.settings.recipient_deadline_seconds;
    let claimed = running.into_iter().flat_map(|run| run.in_flight.values());
    let claimed = claimed.map(|claim| claim.since.plus_seconds(deadline));
    let expiring = company.link_ends.next();
    let is_overdue = |channel: &Channel| {
        !company.settings.channel_enabled(*channel)
            && company.link_ends.on(*channel).next().is_some()
    };
    let disabled = Channel::ALL.iter().find(|one| is_overdue(one)).map(|_| AT_ONCE);
    let cooling = company.numbers.cooling().next().map(|(until, _)| until);
    scheduled
        .chain(claimed)
        .chain(expiring)
        .chain(disabled)
        .chain(cooling)
        .chain(mail_kinds::next(company))
        .min()
}
