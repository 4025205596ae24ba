//! The rules of recipients: who may be invited at the claim, and the events of a report.

mod ids;
#[cfg(test)]
mod spec;

pub use ids::own_message_id;

use serde_json::json;

use crate::company::{
    Address, AddressMark, ClaimInFlight, Company, LinkBasis, Recipient, RecipientState, Run,
    RunState, User, UserId, UserState,
};
use crate::decide::dialect_rules::{
    address_remedy, needs_corporate_phone, supersedes_live_invitation,
};
use crate::decide::outcome::MailOutcome;
use crate::decide::runs::queue::end_if_done;
use crate::event::{Channel, Event, OutboxId, SentOn, Wording};
use crate::settings::Settings;
use crate::values::{Code, Personal, Phone, Refusal, RunId, Time, email};
use ids::invitation_id;

/// The running run of a worker with this fence.
///
/// # Errors
/// `run.not_found`, `run.not_running`, `run.stale_fence`.
pub(crate) fn running(company: &Company, id: RunId, fence: u64) -> Result<&Run, Refusal> {
    let run = company.runs.get(&id).ok_or(Code::RunNotFound)?;
    if run.state != RunState::Running {
        return Err(Code::RunNotRunning.into());
    }
    let holder = company.lock.holder().filter(|holder| holder.run == id);
    if holder.is_none_or(|holder| holder.fence != fence) {
        return Err(Refusal::new(Code::RunStaleFence).with(json!({"given": fence})));
    }
    Ok(run)
}

/// A recipient that a report is about.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    pub id: RunId,
    pub run: &'a Run,
    pub place: u32,
    pub recipient: Recipient,
    pub user: &'a User,
}

impl Found<'_> {
    /// The attempt that a report can be about. The report of a mail without a claim counts as the next attempt.
    pub(crate) fn reportable_attempt(&self) -> u32 {
        let is_open = self.recipient.state == RecipientState::Dispatching;
        self.recipient.attempt + u32::from(!is_open)
    }

    /// Whether this attempt is the one that was claimed last and has no report yet.
    pub(crate) fn is_under_way(&self, attempt: u32) -> bool {
        self.recipient.state == RecipientState::Dispatching && self.recipient.attempt == attempt
    }
}

/// Finds the recipient that a report names, if the run can still take one.
///
/// # Errors
/// `run.not_found`, `run.not_running`, `run.stale_fence`, `recipient.unknown`, `recipient.already_terminal`.
pub fn find<'a>(
    company: &'a Company,
    id: RunId,
    user: &str,
    fence: Option<u64>,
) -> Result<Found<'a>, Refusal> {
    let run = company.runs.get(&id).ok_or(Code::RunNotFound)?;
    if !matches!(run.state, RunState::Running | RunState::Completed) {
        return Err(Code::RunNotRunning.into());
    }
    let holder = company.lock.holder().filter(|holder| holder.run == id);
    if let (Some(given), Some(holder)) = (fence, holder)
        && given != holder.fence
    {
        return Err(
            Refusal::new(Code::RunStaleFence).with(json!({"fence": holder.fence, "given": given}))
        );
    }
    let (user_id, user) = company.users.find(user).ok_or(Code::RecipientUnknown)?;
    let (place, recipient) = run.recipient(user_id).ok_or(Code::RecipientUnknown)?;
    if recipient.state.is_terminal() {
        return Err(Code::RecipientAlreadyTerminal.into());
    }
    if run.state == RunState::Completed {
        return Err(Code::RunAlreadyCompleted.into());
    }
    Ok(Found { id, run, place, recipient, user })
}

/// The events of one report, and what follows from it.
pub fn report(company: &Company, found: &Found<'_>, outcome: &MailOutcome, at: Time) -> Vec<Event> {
    let mut events = report_events(company, found, outcome, at);
    end_if_done(company, found.id, found.run, &mut events);
    events
}

/// The events of one report, without the end of the run, which is added once for several reports.
pub(crate) fn report_events(
    company: &Company,
    found: &Found<'_>,
    outcome: &MailOutcome,
    at: Time,
) -> Vec<Event> {
    let Found { id: run, run: known, recipient, user, .. } = *found;
    let who = Personal(user.key());
    match outcome {
        MailOutcome::Sent { message_id } => {
            let mut events = Vec::new();
            let mut attempt = recipient.attempt;
            if recipient.state != RecipientState::Dispatching {
                // A worker sent it without a claim of ours: the claim is recorded with the report.
                attempt += 1;
                events.push(dispatched(company, found, Transports { mails: "", texts: None }, at));
            }
            let message_id =
                message_id.clone().unwrap_or_else(|| own_message_id(company, run, found.place));
            let expires_at =
                at.plus_seconds(company.settings.invitation_ttl_seconds(known.channel));
            events.push(Event::InviteSent { run, user: who, attempt, message_id, expires_at });
            events
        }
        MailOutcome::Skipped { code, detail } => {
            vec![Event::UserSkipped { run, user: who, code: *code, detail: detail.clone() }]
        }
        MailOutcome::Retry { code, detail } => {
            let attempt = recipient.attempt.max(1);
            let (code, detail) = (*code, detail.clone());
            let refusals = known.refusals.get(&found.place).copied().unwrap_or_default();
            let pause = match code {
                // The run as a whole waits, so that no recipient uses up time.
                Code::DeliveryServerUnavailable => Some(0),
                _ => pause_seconds(&company.settings, refusals),
            };
            match pause {
                Some(pause) => {
                    let retry_at = at.plus_seconds(pause);
                    vec![Event::InviteDeferred { run, user: who, attempt, code, detail, retry_at }]
                }
                None => vec![Event::InviteFailed { run, user: who, attempt, code, detail }],
            }
        }
        MailOutcome::Failed { code, detail } => {
            let attempt = recipient.attempt;
            vec![Event::InviteFailed {
                run,
                user: who,
                attempt,
                code: *code,
                detail: detail.clone(),
            }]
        }
    }
}

/// The pause before the next attempt for a recipient who was refused so many times before, in seconds. None if the
/// time for attempts is over, or their number. Only pauses count: not the time in which the run is suspended.
fn pause_seconds(settings: &Settings, refusals: u32) -> Option<u64> {
    let time = settings.delivery_retry_minutes.saturating_mul(60);
    let pause = |attempt| settings.backoff_seconds(attempt);
    let mut waited = 0u64;
    for attempt in 1..=refusals {
        waited = waited.saturating_add(pause(attempt));
        if waited >= time {
            return None;
        }
    }
    let attempts_left = refusals.saturating_add(1) < settings.max_attempts;
    attempts_left.then(|| pause(refusals.saturating_add(1)).min(time - waited))
}

/// The transports that claims are handed to, by name.
#[derive(Debug, Clone, Copy)]
pub struct Transports<'a> {
    pub mails: &'a str,
    /// `None` if the engine can send no text messages.
    pub texts: Option<&'a str>,
}

impl<'a> Transports<'a> {
    /// The transport for a mail, or for the text message to a device.
    fn of(self, device: Option<&Personal<Phone>>) -> &'a str {
        self.texts.filter(|_| device.is_some()).unwrap_or(self.mails)
    }
}

/// Claims a recipient. A retry keeps the invitation's generation; every other claim gets a new one.
pub(crate) fn dispatched(
    company: &Company,
    found: &Found<'_>,
    transports: Transports<'_>,
    at: Time,
) -> Event {
    let Found { id: run, run: known, place, recipient, user } = *found;
    let link = user.link(known.channel);
    let current = link.invitation;
    let invitation =
        current.map_or_else(|| invitation_id(company, user, known.channel, at), |one| one.id);
    // A retry reuses the link only if it still belongs to this recipient's last claim.
    let repeated = current.filter(|one| one.is_claimed_by(&recipient));
    let generation = repeated.map_or(link.generation + 1, |one| one.generation);
    let phone = company.corporate_phone(recipient.user);
    let on_record = phone.is_some() && user.phone == phone;
    let device = company.device(recipient.user, user).map(Personal);
    let via = transports.of(device.as_ref());
    Event::InviteDispatched {
        run,
        user: Personal(user.key()),
        attempt: recipient.attempt + 1,
        invitation,
        generation,
        email: Personal(user.email().unwrap_or_default().to_owned()),
        device,
        message_id: own_message_id(company, run, place),
        via: via.to_owned(),
        template: wording(company, recipient.user, user).filter(|_| !via.is_empty()),
        sent_on: Some(SentOn { phone: phone.map(Personal), on_record }),
    }
}

/// The template of a person's invitation that is valid now.
fn wording(company: &Company, id: UserId, user: &User) -> Option<Wording> {
    company.wording(company.invitation_kind(id, user), user.attribute("language"))
}

/// What a run says about whether a person is invited.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InviteRules {
    pub channel: Channel,
    /// Whether a valid link is replaced, independent of the settings.
    pub resend: bool,
    /// Whether the engine can send text messages.
    pub sends_texts: bool,
}

impl InviteRules {
    /// The rules of a run that was requested.
    pub(crate) fn of(run: &Run, sends_texts: bool) -> Self {
        Self { channel: run.channel, resend: run.resend, sends_texts }
    }
}

/// The outcome of a recipient who may not be invited now; the first reason counts.
pub(crate) fn outcome_without_mail(
    company: &Company,
    rules: &InviteRules,
    id: UserId,
    now: Time,
) -> Option<MailOutcome> {
    let failed = |code: Code| Some(MailOutcome::failed(code));
    let Some(user) = company.users.get(id).filter(|user| user.is_created()) else {
        return failed(Code::RecipientUserNotCreated);
    };
    // A deactivated user gets no mail either. The vendor has one word for both: archived.
    if matches!(user.state, UserState::Archived | UserState::Deactivated) {
        return failed(Code::RecipientUserArchived);
    }
    let link = user.link(rules.channel);
    if link.linked {
        return Some(MailOutcome::skipped(Code::RecipientAlreadyLinked));
    }
    if is_without_social_messaging(company, id, user) {
        return Some(MailOutcome::skipped(Code::RecipientSocialMessagingOff));
    }
    // The channel was enabled when the run was confirmed. An administrator may have disabled it since.
    if !company.settings.channel_enabled(rules.channel) {
        return failed(Code::ChannelNotEnabled);
    }
    if user.listed().is_empty() && needs_corporate_phone(company, id, user) {
        return failed(Code::RecipientCorporatePhoneMissing);
    }
    if let Some(code) = why_unreachable(company, rules, id, user) {
        let is_suppressed = code == Code::DeliverySuppressed;
        let detail = is_suppressed.then(|| address_remedy(company, id, user));
        return Some(MailOutcome::Failed { code, detail });
    }
    // A claim whose mail was refused, or is not sent yet, holds up no other mail.
    let live = link.generations().any(|invitation| {
        invitation.was_mailed() && company.is_live(id, rules.channel, invitation, now)
    });
    if live && !rules.resend && !supersedes_live_invitation(company, user) {
        return Some(MailOutcome::skipped(Code::RecipientInvitationAlreadyLive));
    }
    None
}

/// Why no invitation can reach the person at the address on record.
fn why_unreachable(
    company: &Company,
    rules: &InviteRules,
    id: UserId,
    user: &User,
) -> Option<Code> {
    let address = match company.address(id, user) {
        Some(address @ Address::Mail(email)) if email::check(email).is_ok() => address,
        Some(Address::Device(_)) if !rules.sends_texts => {
            return Some(Code::DeliveryNoTextGateway);
        }
        Some(address @ Address::Device(_)) => address,
        Some(Address::Mail(_)) | None => return Some(Code::RecipientEmailMissing),
    };
    company.is_suppressed(address.mark()).then_some(Code::DeliverySuppressed)
}

/// Whether the person has an account that is activated and may link no channel.
fn is_without_social_messaging(company: &Company, id: UserId, user: &User) -> bool {
    let is_on_board = !company.is_to_activate(id, user);
    let setting = || user.attribute("social_messaging") == Some("No");
    company.numbers.is_account(id) && is_on_board && setting()
}

/// A claim without a report that an earlier process left.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenClaim {
    /// The claim, as its `InviteDispatched` told it.
    pub claim: Event,
    /// Whether the same transport may still write to the person, at the address that was claimed.
    pub may_go_on: bool,
    /// The outbox that got the mail; none if it is not known, or the transport is no outbox.
    pub outbox: Option<OutboxId>,
    /// When it was claimed.
    pub since: Time,
}

/// The claims of a run that have no report, in the order of its list.
///
/// They may go on only through the transports that they were handed to: another transport does not know whether they were sent.
pub fn open_claims(
    company: &Company,
    id: RunId,
    transports: Transports<'_>,
    now: Time,
) -> Vec<OpenClaim> {
    let Some(run) = company.runs.get(&id) else { return Vec::new() };
    let open = |(&place, in_flight): (&u32, &ClaimInFlight)| {
        let recipient = run.recipients.get(place as usize)?;
        let user = company.users.get(recipient.user)?;
        let email = user.email().unwrap_or_default();
        let invitation = user.link(run.channel).invitation?;
        let LinkBasis { phone, on_record, .. } = invitation.basis;
        let device = company.device(recipient.user, user).map(Personal);
        let mark = AddressMark::of_claim(email, device.as_ref());
        let same_address = recipient.mailed_to == Some(mark);
        let via = transports.of(device.as_ref());
        // With another address it is not known whether a mail or a text was claimed, so a missing file proves nothing.
        let outbox = in_flight.outbox.filter(|_| same_address);
        let claim = Event::InviteDispatched {
            run: id,
            user: Personal(user.key()),
            attempt: recipient.attempt,
            invitation: invitation.id,
            generation: recipient.generation,
            email: Personal(email.to_owned()),
            device,
            message_id: own_message_id(company, id, place),
            via: via.to_owned(),
            template: run.wordings.get(&place).cloned(),
            sent_on: Some(SentOn { phone: phone.map(Personal), on_record }),
        };
        let same_transport = in_flight.via.as_deref() == Some(via);
        let may_go_on = same_transport
            && same_address
            && run.given_up.is_none()
            && outcome_without_mail(
                company,
                &InviteRules::of(run, transports.texts.is_some()),
                recipient.user,
                now,
            )
            .is_none();
        Some(OpenClaim { claim, may_go_on, outbox, since: in_flight.since })
    };
    run.in_flight.iter().filter_map(open).collect()
}
