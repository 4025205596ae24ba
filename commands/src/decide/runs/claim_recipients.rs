//! `ClaimRecipients`: the run worker takes the next recipients; each is judged when the turn comes.

use crate::company::{Company, Recipient, Run};
use crate::decide::numbers::pool::Promises;
use crate::decide::outcome::MailOutcome;
use crate::decide::rule::{Context, Decide, Decision};
use crate::decide::runs::queue::end_if_done;
use crate::decide::runs::recipients::{
    Found, InviteRules, Transports, dispatched, outcome_without_mail, report_events, running,
};
use crate::event::{Event, Permission};
use crate::values::{Refusal, RunId, Time};

/// Claims recipients. The run worker sends only after the commit of its claims is durable. A claimed recipient is
/// claimed again only after a report that asks for a retry.
#[derive(Debug, Clone, Copy)]
pub struct ClaimRecipients {
    pub run: RunId,
    pub fence: u64,
    /// At most this many recipients are judged.
    pub most: usize,
    /// The transport that the claims will be handed to, by name.
    pub via: &'static str,
}

impl Decide for ClaimRecipients {
    const NEEDS: Option<Permission> = None;
    const TAKES_NUMBERS: bool = true;

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        self.claim(company, context, |_| true)
    }
}

/// Like [`ClaimRecipients`], but only recipients who get a text message. The others wait for the transport of mails.
#[derive(Debug, Clone, Copy)]
pub struct ClaimTexts(pub ClaimRecipients);

impl Decide for ClaimTexts {
    const NEEDS: Option<Permission> = None;
    const TAKES_NUMBERS: bool = true;

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        // Only accounts can be devices. Without any, a long run is not searched for them.
        let most = if company.numbers.has_accounts() { self.0.most } else { 0 };
        let texts = ClaimRecipients { most, ..self.0 };
        texts.claim(company, context, |recipient| gets_text(company, recipient))
    }
}

/// Whether a recipient gets a text message, as opposed to a mail.
fn gets_text(company: &Company, recipient: &Recipient) -> bool {
    let user = company.users.get(recipient.user);
    user.is_some_and(|user| company.device(recipient.user, user).is_some())
}

/// The time up to which a recipient's pause must have ended. A run that was given up waits for no pause.
fn until(run: &Run, context: &Context<'_>) -> Time {
    if run.given_up.is_some() { Time(i64::MAX) } else { context.at }
}

/// Whether a recipient without an outcome gets a mail, as opposed to a text message.
pub fn has_mails_left(company: &Company, run: RunId) -> bool {
    let is_mail =
        |recipient: &Recipient| !recipient.state.is_terminal() && !gets_text(company, recipient);
    company
        .runs
        .get(&run)
        .is_some_and(|run| !run.unlisted.is_empty() || run.recipients.iter().any(is_mail))
}

impl ClaimRecipients {
    /// Claims recipients whose turn it is and who are wanted.
    fn claim(
        &self,
        company: &Company,
        context: &Context<'_>,
        wanted: impl Fn(&Recipient) -> bool,
    ) -> Result<Decision, Refusal> {
        let run = running(company, self.run, self.fence)?;
        // When the run was confirmed, its mails may have gone to an outbox, which needs no settings.
        if run.given_up.is_none() {
            context.require_mail_settings(company)?;
        }
        let texts_via = context.mail_setup.texts_via;
        let mut events = Vec::new();
        let mut promises = Promises::default();
        let due = run.due(until(run, context)).filter(|(_, recipient)| wanted(recipient));
        for (place, recipient) in due.take(self.most) {
            let Some(user) = company.users.get(recipient.user) else { continue };
            let found = Found { id: self.run, run, place, recipient, user };
            let rules = InviteRules::of(run, texts_via.is_some());
            let outcome = run
                .given_up
                .map(MailOutcome::failed)
                .or_else(|| outcome_without_mail(company, &rules, recipient.user, context.at));
            let outcome = outcome
                .or_else(|| promises.make(company, recipient.user).err().map(MailOutcome::failed));
            match outcome {
                None => {
                    let transports = Transports { mails: self.via, texts: texts_via };
                    events.push(dispatched(company, &found, transports, context.at));
                }
                Some(outcome) => {
                    events.extend(report_events(company, &found, &outcome, context.at));
                }
            }
        }
        end_if_done(company, self.run, run, &mut events);
        let mails_link = events.iter().any(|event| matches!(event, Event::InviteDispatched { .. }));
        let secret = context.link_secret_recorded(company).filter(|_| mails_link);
        let outboxes = self.outboxes_recorded(run, context).filter(|_| mails_link);
        let events = secret.into_iter().chain(outboxes).chain(events).collect();
        Ok(Decision::append_if_any(events))
    }

    /// The event that records the outboxes of the claims, if the run has had others.
    fn outboxes_recorded(&self, run: &Run, context: &Context<'_>) -> Option<Event> {
        let (mails, texts) = (context.mail_setup.outbox, context.mail_setup.texts_outbox);
        let is_known = (run.outbox, run.texts_outbox) == (mails, texts);
        (!is_known).then_some(Event::RunOutboxesRecorded { run: self.run, mails, texts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::numbers::pool::testing::{account, assigned, number_added, setting, unit};
    use crate::decide::testing::{
        Then, a_running_run, channel_enabled, device_account, given, phone_added, run_id,
        run_queued, run_started, user_created, who,
    };
    use crate::event::{Channel, Delivery, Event, Person};
    use crate::values::{Code, Personal};
    use serde_json::json;

    fn claim(most: usize, fence: u64) -> ClaimRecipients {
        ClaimRecipients { run: run_id(1), fence, most, via: "outbox" }
    }

    /// A running run for `ann` alone after these events, and the result of claiming her.
    #[track_caller]
    fn verdict(events: Vec<Event>) -> Event {
        let events: Vec<_> = events.into_iter().chain(run_started(run_id(1), &["ann"])).collect();
        let fence = events.len() as u64;
        given(events).when(claim(9, fence)).events()[0].clone()
    }

    #[track_caller]
    fn fails(events: Vec<Event>, expected: Code) {
        match verdict(events) {
            Event::InviteFailed { code, .. } => assert_eq!(code, expected),
            other => panic!("{other:?}"),
        }
    }

    fn ann() -> Vec<Event> {
        vec![channel_enabled(), user_created("ann"), phone_added("ann", 1)]
    }

    #[test]
    fn recipients_are_claimed_in_order_and_once() {
        let fence = a_running_run().len() as u64;
        let after = given(a_running_run()).after(claim(1, fence));
        let then = after.when(claim(9, fence));
        assert_eq!(then.names(), ["InviteDispatched"]);
        let after = after.after(claim(9, fence));
        assert!(!after.when(claim(9, fence)).0.unwrap().is_append());
    }

    /// P28: a worker of an earlier start claims nothing.
    #[test]
    fn a_stale_fence_claims_nothing() {
        given(a_running_run()).when(claim(9, 3)).then_refused(Code::RunStaleFence);
    }

    /// LX-26: a person who was never created fails.
    #[test]
    fn recipient_fails_when_never_created() {
        fails(vec![channel_enabled()], Code::RecipientUserNotCreated);
    }

    /// LX-26, A4, P8, N85: an archived person fails, even if archived after the confirmation.
    #[test]
    fn recipient_fails_when_archived() {
        let archived = Event::UserArchived { user: who("ann") };
        fails(ann().into_iter().chain([archived]).collect(), Code::RecipientUserArchived);
        let deactivated = Event::UserDeactivated { user: who("ann"), row: None };
        fails(ann().into_iter().chain([deactivated]).collect(), Code::RecipientUserArchived);
    }

    /// LX-28: a person without a listed corporate phone fails.
    #[test]
    fn recipient_fails_without_a_corporate_phone() {
        fails(vec![channel_enabled(), user_created("ann")], Code::RecipientCorporatePhoneMissing);
    }

    /// LX-27: a person without an address, or with a malformed one, fails.
    #[test]
    fn recipient_fails_without_a_valid_address() {
        for email in [None, Some("ann@acme"), Some("ann")] {
            let person = Personal(Person { email: email.map(str::to_owned), ..Person::default() });
            let created = Event::UserCreated {
                user: who("ann"),
                person,
                org_unit: None,
                roles: vec![],
                active: true,
                row: None,
            };
            fails(
                vec![channel_enabled(), created, phone_added("ann", 1)],
                Code::RecipientEmailMissing,
            );
        }
    }

    /// LX-05: a person fails when the channel was disabled after the confirmation.
    #[test]
    fn recipient_fails_when_the_channel_was_disabled() {
        let disabled = setting("channels.whatsapp", json!(false));
        fails(ann().into_iter().chain([disabled]).collect(), Code::ChannelNotEnabled);
    }

    /// LX-29: a person who is linked on the channel is skipped; no mail is claimed.
    #[test]
    fn linked_recipient_is_skipped() {
        let linked = |channel| Event::UserLinked { user: who("ann"), channel, invitation: None };
        let events: Vec<_> = ann().into_iter().chain([linked(Channel::Whatsapp)]).collect();
        assert!(matches!(
            verdict(events),
            Event::UserSkipped { code: Code::RecipientAlreadyLinked, .. }
        ));
        let events: Vec<_> = ann().into_iter().chain([linked(Channel::Imessage)]).collect();
        assert!(matches!(verdict(events), Event::InviteDispatched { .. }));
    }

    /// P8: an address that bounced for good gets no mail until it is corrected.
    #[test]
    fn a_suppressed_address_fails() {
        let mut events = ann();
        events.extend(run_started(run_id(2), &["ann"]));
        events.push(Event::DeliveryRecorded {
            run: run_id(2),
            user: who("ann"),
            message_id: "m".to_owned(),
            delivery: Delivery::BouncedHard,
            code: None,
        });
        events.push(Event::RunCompleted { run: run_id(2), passed: 1, skipped: 0, failed: 0 });
        fails(events, Code::DeliverySuppressed);
    }

    /// The reason of a suppressed address names a command that the product of the person has.
    #[test]
    fn remedy_of_a_suppressed_address_exists_for_the_product() {
        let remedy = |events: Vec<Event>| {
            let mut company = given(events);
            let mark = crate::company::AddressMark::of("ann@acme.example");
            company.0.suppressed.insert(mark);
            let run = company.0.lock.holder().unwrap().fence;
            match company.when(claim(1, run)).events().remove(0) {
                Event::InviteFailed { code: Code::DeliverySuppressed, detail, .. } => {
                    detail.unwrap()
                }
                event => panic!("{event:?}"),
            }
        };
        let started = || run_started(run_id(1), &["ann"]);
        let person: Vec<_> = ann().into_iter().chain(started()).collect();
        assert!(remedy(person).contains("--dialect leapxpert --existing update"));
        let account: Vec<_> =
            [channel_enabled(), unit("EMEA", None), number_added(1, Some("EMEA"))]
                .into_iter()
                .chain(account("ann", "EMEA"))
                .chain(started())
                .collect();
        assert!(remedy(account).starts_with("boarding accounts edit"));
    }

    /// ML-06, A19: an account needs no corporate phone, but an unpromised number.
    #[test]
    fn no_more_accounts_are_invited_than_numbers_are_available() {
        let people = ["ann", "bob", "cid"];
        let mut events = vec![
            channel_enabled(),
            unit("EMEA", None),
            number_added(1, Some("EMEA")),
            number_added(2, None),
        ];
        events.extend(people.iter().flat_map(|key| account(key, "EMEA")));
        events.extend([number_added(3, Some("EMEA")), assigned(3, "cid")]);
        events.extend(run_started(run_id(1), &people));
        let fence = events.len() as u64;
        let company = given(events);
        let outcomes = |then: Then| -> Vec<_> {
            let events = then.events();
            events
                .iter()
                .map(|event| match event {
                    Event::InviteFailed { code, .. } => code.as_str(),
                    other => other.name(),
                })
                .collect()
        };
        let expected = ["InviteDispatched", "number.none_available", "InviteDispatched"];
        assert_eq!(outcomes(company.when(claim(9, fence))), expected);
        // One at a time they come to the same.
        let company = company.after(claim(1, fence));
        assert_eq!(outcomes(company.when(claim(9, fence))), expected[1..]);
        assert_eq!(company.0.numbers.stock(&company.0.numbers.owner(Some("EMEA"))).spare(false), 0);
    }

    /// A19: with overbooking, one number may be promised to all; without a number there is no promise.
    #[test]
    fn overbooking_promises_one_number_to_several_accounts() {
        let with = |numbers: Vec<Event>| {
            let mut events = vec![
                channel_enabled(),
                unit("EMEA", None),
                setting("number_overbooking", json!(true)),
            ];
            events.extend(numbers);
            events.extend(["ann", "bob"].iter().flat_map(|key| account(key, "EMEA")));
            events.extend(run_started(run_id(1), &["ann", "bob"]));
            let fence = events.len() as u64;
            given(events).when(claim(9, fence)).names()
        };
        assert_eq!(
            with(vec![number_added(1, Some("EMEA"))]),
            ["InviteDispatched", "InviteDispatched"]
        );
        assert_eq!(with(vec![]), ["InviteFailed", "InviteFailed", "RunCompleted"]);
    }

    /// P3: after the last outcome the run ends and the next one starts, in one commit.
    #[test]
    fn last_outcome_ends_the_run_and_starts_the_next() {
        let mut events = vec![channel_enabled()];
        events.extend(run_started(run_id(1), &["ann", "bob"]));
        let fence = events.len() as u64;
        events.extend(run_queued(run_id(2), &["carl"]));
        let then = given(events).when(claim(9, fence));
        assert_eq!(then.names(), ["InviteFailed", "InviteFailed", "RunCompleted", "RunStarted"]);
    }

    #[test]
    fn run_has_mails_left_until_each_has_an_outcome() {
        let fence = a_running_run().len() as u64;
        let company = given(a_running_run());
        assert!(has_mails_left(&company.0, run_id(1)) && !has_mails_left(&company.0, run_id(9)));
        let company =
            company.after(ClaimRecipients { run: run_id(1), fence, most: 9, via: "outbox" });
        assert!(has_mails_left(&company.0, run_id(1)));
        let sent = |key: &str| (who(key), 1, MailOutcome::SENT);
        let reports = vec![sent("ann"), sent("bob")];
        let company =
            company.after(crate::decide::ReportRecipients { run: run_id(1), fence, reports });
        assert!(!has_mails_left(&company.0, run_id(1)));
        let device = "+84923448071";
        let texts = device_account(device).into_iter().chain(run_started(run_id(1), &[device]));
        assert!(!has_mails_left(&given(texts).0, run_id(1)));
    }
}
