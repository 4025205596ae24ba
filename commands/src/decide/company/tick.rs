//! `Tick`: time comes in as data. What is due happens: scheduled runs, deadlines, expiry.

use std::collections::BTreeSet;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::company::{ClaimInFlight, Company};
use crate::decide::end_links;
use crate::decide::numbers::pool::{cooled, released_with};
use crate::decide::outcome::MailOutcome;
use crate::decide::rule::{Authority, Context, Decide, Decision};
use crate::decide::runs::queue::{end_if_done, enter_queue, next_tick_at};
use crate::decide::runs::recipients::{Found, report_events};
use crate::event::{Event, Permission};
use crate::mail_kinds::{self, TickRoom};
use crate::values::{Code, InvitationId, Personal, Refusal, Time};

/// Time comes in as data. What is due happens: scheduled runs, deadlines, expiry.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tick {
    pub now: Time,
}

/// The most events of each kind in one tick, to keep its commit small. The next tick continues.
const MAX_EVENTS: usize = 500;

/// How far the time of another asker may be from the engine's clock, in seconds.
const CLOCK_SECONDS_MAX: u64 = 60;

/// Whether something is due right away: the next tick should not wait.
#[derive(Debug, Serialize, JsonSchema)]
struct Ticked {
    due: bool,
}

impl Decide for Tick {
    const NEEDS: Option<Permission> = Some(Permission::Administer);

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Ticked::json_schema(generator)
    }

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        self.check_time(context)?;
        let mut events = Vec::new();
        self.time_out(company, &mut events);
        self.start_scheduled(company, &mut events);
        self.expire(company, &mut events);
        self.end_links(company, &mut events);
        self.cool(company, &mut events);
        self.request_mails(company, &mut events);
        let due = next_tick_at(company).is_some_and(|next| next <= self.now);
        Ok(Decision::append_if_any(events).with_result(json!(Ticked { due })))
    }
}

impl Tick {
    /// Only the engine, and the owner of the data folder, may tell a time that is not the engine's. Others could
    /// expire invitations and start runs before their time.
    ///
    /// # Errors
    /// `tick.too_far`, with the engine's time.
    fn check_time(self, context: &Context<'_>) -> Result<(), Refusal> {
        let (asked, now) = (self.now, context.at);
        let is_near = asked <= now.plus_seconds(CLOCK_SECONDS_MAX)
            && now <= asked.plus_seconds(CLOCK_SECONDS_MAX);
        if is_near || context.authority == Authority::All {
            return Ok(());
        }
        Err(Refusal::new(Code::TickTooFar).with(json!({"now": now, "asked": asked})))
    }

    /// Fails each claimed recipient after its deadline, so that every run ends. The mail may have been sent.
    fn time_out(self, company: &Company, events: &mut Vec<Event>) {
        let Some(holder) = company.lock.holder() else { return };
        let Some(run) = company.runs.get(&holder.run) else { return };
        let deadline = company.settings.recipient_deadline_seconds;
        let is_late = |claim: &ClaimInFlight| claim.since.plus_seconds(deadline) <= self.now;
        let late = run.in_flight.iter().filter(|(_, claim)| is_late(claim));
        let timeout = MailOutcome::failed(Code::DeliveryTimeout);
        for (&place, _) in late.take(MAX_EVENTS) {
            let Some(&recipient) = run.recipients.get(place as usize) else { continue };
            let Some(user) = company.users.get(recipient.user) else { continue };
            let found = Found { id: holder.run, run, place, recipient, user };
            events.extend(report_events(company, &found, &timeout, self.now));
        }
        end_if_done(company, holder.run, run, events);
    }

    /// Adds each scheduled run to the queue when its time has come, the earliest first.
    fn start_scheduled(self, company: &Company, events: &mut Vec<Event>) {
        let times = company
            .scheduled
            .iter()
            .filter_map(|run| Some((company.runs.get(run)?.not_before?, *run)));
        let mut due: Vec<_> = times.filter(|(not_before, _)| *not_before <= self.now).collect();
        due.sort_unstable();
        for (_, run) in due.into_iter().take(MAX_EVENTS) {
            enter_queue(company, run, events);
        }
    }

    /// Requests the mails that are due.
    fn request_mails(self, company: &Company, events: &mut Vec<Event>) {
        // The commit will also have the mails that its events request.
        let before = events.len() + mail_kinds::requests(company, events, self.now).count();
        // What does not fit now waits for the next tick.
        let room = MAX_EVENTS.saturating_sub(before);
        if room > 0 {
            events.extend(mail_kinds::due(company, TickRoom { now: self.now, before, room }));
        }
    }

    fn expire(self, company: &Company, events: &mut Vec<Event>) {
        let over: Vec<_> = company.link_ends.over(self.now).take(MAX_EVENTS).collect();
        let is_newest = |(id, generation): &&(InvitationId, u32)| {
            company.newest(*id).is_some_and(|newest| newest.generation == *generation)
        };
        // While a newer link is open, the number stays assigned.
        let newest = over.iter().filter(is_newest);
        let newest: BTreeSet<_> = newest.map(|(id, _)| *id).collect();
        let mut released = BTreeSet::new();
        for (id, generation) in over {
            let Some((user_id, channel)) = company.invitations.get(&id) else { continue };
            let Some(user) = company.users.get(*user_id) else { continue };
            let (who, channel) = (Personal(user.key()), *channel);
            events.push(Event::InvitationExpired {
                user: who,
                channel,
                invitation: id,
                generation,
            });
            if newest.contains(&id) && released.insert(*user_id) {
                events.extend(released_with(company, *user_id, user, &newest, self.now));
            }
        }
    }

    /// Ends links that have lost their reason: those of a channel that was disabled, and those of an older history
    /// when a reminder is due.
    fn end_links(self, company: &Company, events: &mut Vec<Event>) {
        let due = company.reminders.due(&company.settings, self.now).take(MAX_EVENTS);
        let people = due.filter_map(|id| company.invitations.get(&id)).map(|(user, _)| *user);
        let ends = end_links::overdue(company, events, people, self.now);
        events.extend(ends);
    }

    /// Makes numbers available again that have cooled down.
    fn cool(self, company: &Company, events: &mut Vec<Event>) {
        events.extend(cooled(company, self.now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::invitations::link_completed::testing::invited;
    use crate::decide::testing::{NOW, a_running_run, given, run_id, run_queued};
    use crate::decide::{ClaimRecipients, Command};
    use crate::event::{Channel, Source};

    #[test]
    fn nothing_due_leaves_no_trace() {
        assert!(!given(a_running_run()).when(Tick { now: NOW }).0.unwrap().is_append());
    }

    /// A7, P30: a claim without a report fails after its deadline; the run ends and the next one starts.
    #[test]
    fn a_claim_times_out_and_the_queue_moves_on() {
        let fence = a_running_run().len() as u64;
        let company = given(a_running_run().into_iter().chain(run_queued(run_id(2), &["zoe"])));
        let company =
            company.after(ClaimRecipients { run: run_id(1), fence, most: 9, via: "outbox" });
        let deadline = NOW.plus_seconds(company.0.settings.recipient_deadline_seconds);
        assert_eq!(next_tick_at(&company.0), Some(deadline));
        assert!(!company.when(Tick { now: Time(deadline.0 - 1) }).0.unwrap().is_append());
        let then = company.when(Tick { now: deadline });
        assert_eq!(then.names(), ["InviteFailed", "InviteFailed", "RunCompleted", "RunStarted"]);
    }

    #[test]
    fn a_link_expires_when_its_time_is_over() {
        let company = given(invited());
        let end = NOW.plus_seconds(23 * 3600);
        assert_eq!(company.when(Tick { now: end }).names(), ["InvitationExpired"]);
        let company = company.after(Tick { now: end });
        assert!(!company.when(Tick { now: end }).0.unwrap().is_append());
    }

    /// P18: a number that was assigned with an invitation is released when the invitation expires, once.
    #[test]
    fn assigned_number_is_released_when_the_invitation_expires() {
        use crate::decide::numbers::pool::testing::{assigned, number_added};
        let company =
            given(invited().into_iter().chain([number_added(1, None), assigned(1, "ann")]));
        let end = NOW.plus_seconds(23 * 3600);
        assert_eq!(
            company.when(Tick { now: end }).names(),
            ["InvitationExpired", "NumberReleased"]
        );
    }

    /// P2: a scheduled run enters the queue at its tick, and starts if the lock is free.
    #[test]
    fn a_scheduled_run_starts_when_its_time_comes() {
        let not_before = NOW.plus_seconds(60);
        let requested = Event::RunRequested {
            run: run_id(3),
            channel: Channel::Whatsapp,
            source: Source::Users(vec![]),
            total: 1,
            duplicates_removed: 0,
            not_before: Some(not_before),
            list_version: None,
        };
        let company = given([requested, Event::RunScheduled { run: run_id(3), not_before }]);
        let early = Command::from(Tick { now: NOW });
        assert!(
            !company.when_asked_by("engine", Authority::All, NOW, &early).0.unwrap().is_append()
        );
        company
            .when(Tick { now: not_before })
            .then([Event::RunQueued { run: run_id(3) }, Event::RunStarted { run: run_id(3) }]);
    }

    /// Only the engine and the owner of the data folder may tell another time.
    #[test]
    fn tick_of_another_actor_must_be_near_the_clock() {
        let company = given([]).0;
        let ticked = |seconds: i64, authority| {
            let context = Context {
                id: crate::values::CommandId(ulid::Ulid(1)),
                actor: "jane",
                authenticated: None,
                authority,
                at: NOW,
                facts: &crate::decide::Facts::None,
                mail_setup: &crate::decide::MailSetup::default(),
            };
            let tick = Tick { now: Time(NOW.0 + seconds * 1_000) };
            tick.decide(&company, &context).map(drop).map_err(|refusal| refusal.code)
        };
        for near in [-60, 0, 60] {
            assert_eq!(ticked(near, Authority::Granted), Ok(()), "{near}");
        }
        for far in [-61, 61] {
            assert_eq!(ticked(far, Authority::Granted), Err(Code::TickTooFar), "{far}");
            assert_eq!(ticked(far, Authority::All), Ok(()), "{far}");
        }
    }
}
