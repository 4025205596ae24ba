//! A run and its recipients: who waits, who is claimed, who is done.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::user_id::UserId;
use crate::event::{Channel, OutboxId, RecipientEvent, Wording};
use crate::values::{Code, Personal, Phone, Time, fold};

/// One bulk run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The number of the run in the company, from 1, in the order of the requests.
    pub number: u32,
    pub channel: Channel,
    pub state: RunState,
    /// The number of people that was shown and confirmed. It never changes.
    pub total: u64,
    pub not_before: Option<Time>,
    /// A resend supersedes a valid link, independent of the setting.
    pub resend: bool,
    /// The address of the actor who requested it, if the actor is an address.
    pub starter: Option<Box<str>>,
    /// The transport that its claims were handed to; the run stays with it.
    pub via: Option<Box<str>>,
    /// The transport that its claims of text messages were handed to.
    pub texts_via: Option<Box<str>>,
    /// The outbox that got the mails of its last claims; none if it is not known, or the transport is no outbox.
    pub(crate) outbox: Option<OutboxId>,
    /// The outbox that got the texts of its last claims.
    pub(crate) texts_outbox: Option<OutboxId>,
    /// People of the frozen list whose `RecipientQueued` is still to come, in order.
    pub unlisted: VecDeque<UserId>,
    pub recipients: Vec<Recipient>,
    /// A person's place in `recipients`.
    places: BTreeMap<UserId, u32>,
    /// The first place that may still be untouched: everybody before it was claimed or reported.
    pub untouched: u32,
    /// Claimed recipients without a report.
    pub in_flight: BTreeMap<u32, ClaimInFlight>,
    /// The wording that each of them was claimed with.
    pub(crate) wordings: BTreeMap<u32, Wording>,
    /// Deferred recipients and the time they may be claimed again.
    pub deferred: BTreeMap<u32, Time>,
    /// How often each recipient without an outcome was refused for now.
    pub(crate) refusals: BTreeMap<u32, u32>,
    /// Since when the mails of the run cannot be sent, while it waits for that.
    pub waits_since: Option<Time>,
    /// The outcome of all further recipients, once the run waits no longer for its mails to be sent.
    pub given_up: Option<Code>,
    pub passed: u64,
    pub skipped: u64,
    pub failed: u64,
}

/// A claim without a report: when it was made, and what got its mail or text. Each claim has its own, because engines may
/// claim in turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimInFlight {
    pub since: Time,
    /// The transport. An open claim goes on through no other.
    pub(crate) via: Option<Box<str>>,
    /// None if it is not known, or the transport is no outbox.
    pub(crate) outbox: Option<OutboxId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Confirmed; about to be scheduled or queued by the same commit.
    Requested,
    Scheduled,
    Pending,
    Running,
    Completed,
    Withdrawn,
}

/// One person in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    pub user: UserId,
    pub state: RecipientState,
    /// The attempts that were claimed so far.
    pub attempt: u32,
    /// The invitation's generation that was claimed last; 0 before.
    pub generation: u32,
    /// Why the person was skipped or failed.
    pub code: Option<Code>,
    /// The address of the last claim: a bounce concerns this address, even if the person has another one now.
    pub mailed_to: Option<AddressMark>,
}

/// An address as far as it must be known again: a digest of its folded form, small enough for a million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AddressMark(u64);

impl AddressMark {
    pub fn of(email: &str) -> Self {
        let hash = blake3::hash(fold(email).as_bytes());
        Self(hash.as_bytes().iter().take(8).fold(0, |mark, byte| mark << 8 | u64::from(*byte)))
    }

    /// The mark of a number that gets text messages.
    pub(crate) fn of_device(number: Phone) -> Self {
        Self::of(&number.to_string())
    }

    /// The mark of the address of a claim: the number of a device, else the e-mail address.
    pub(crate) fn of_claim(email: &str, device: Option<&Personal<Phone>>) -> Self {
        device.map_or_else(|| Self::of(email), |number| Self::of_device(**number))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecipientState {
    Queued,
    Dispatching,
    Sent,
    Skipped,
    Failed,
}

impl Recipient {
    /// Whether the recipient has never been claimed, nor reported.
    pub fn is_untouched(&self) -> bool {
        self.state == RecipientState::Queued && self.attempt == 0
    }
}

impl RecipientState {
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Sent | Self::Skipped | Self::Failed)
    }
}

impl Run {
    pub(crate) fn new(
        channel: Channel,
        total: u64,
        not_before: Option<Time>,
        resend: bool,
    ) -> Self {
        Self {
            number: 0,
            channel,
            state: RunState::Requested,
            total,
            not_before,
            resend,
            starter: None,
            via: None,
            texts_via: None,
            outbox: None,
            texts_outbox: None,
            unlisted: VecDeque::new(),
            recipients: Vec::new(),
            places: BTreeMap::new(),
            untouched: 0,
            in_flight: BTreeMap::new(),
            wordings: BTreeMap::new(),
            deferred: BTreeMap::new(),
            refusals: BTreeMap::new(),
            waits_since: None,
            given_up: None,
            passed: 0,
            skipped: 0,
            failed: 0,
        }
    }

    /// Recipients without an outcome.
    pub fn remaining(&self) -> u64 {
        self.total.saturating_sub(self.passed + self.skipped + self.failed)
    }

    /// A person's place in the run, and how the person stands in it.
    pub fn recipient(&self, user: UserId) -> Option<(u32, Recipient)> {
        let place = *self.places.get(&user)?;
        Some((place, *self.recipients.get(place as usize)?))
    }

    /// Everybody on the list, listed already or still to come.
    pub fn people(&self) -> BTreeSet<UserId> {
        self.places.keys().chain(&self.unlisted).copied().collect()
    }

    /// The recipients whose turn it is: those deferred whose wait is over, then those never claimed, in the order of the
    /// list.
    pub fn due(&self, now: Time) -> impl Iterator<Item = (u32, Recipient)> + '_ {
        let is_over = move |(_, retry_at): &(&u32, &Time)| **retry_at <= now;
        let again = self.deferred.iter().filter(is_over).map(|(place, _)| *place);
        let fresh = self.untouched..u32::try_from(self.recipients.len()).unwrap_or(u32::MAX);
        let place = |place: u32| Some((place, *self.recipients.get(place as usize)?));
        let fresh = fresh.filter_map(place).filter(|(_, recipient)| recipient.is_untouched());
        again.filter_map(place).chain(fresh)
    }

    pub(crate) fn list(&mut self, user: UserId) {
        let place = u32::try_from(self.recipients.len()).unwrap_or(u32::MAX);
        self.recipients.push(Recipient {
            user,
            state: RecipientState::Queued,
            attempt: 0,
            generation: 0,
            code: None,
            mailed_to: None,
        });
        self.places.insert(user, place);
    }

    /// Records the claim of a recipient. A recipient with an outcome is not changed.
    pub(crate) fn claim(&mut self, user: UserId, event: RecipientEvent<'_>, at: Time) {
        let RecipientEvent::InviteDispatched {
            attempt,
            generation,
            email,
            via,
            template,
            device,
            ..
        } = event
        else {
            return;
        };
        let Some(place) = self.set(user, RecipientState::Dispatching, Some(*attempt)) else {
            return;
        };
        self.wordings.extend(template.iter().map(|wording| (place, wording.clone())));
        let (transport, outbox) = match device {
            Some(_) => (&mut self.texts_via, self.texts_outbox),
            None => (&mut self.via, self.outbox),
        };
        if !via.is_empty() {
            *transport = Some(via.as_str().into());
        }
        let claim = ClaimInFlight { since: at, via: transport.clone(), outbox };
        self.in_flight.insert(place, claim);
        if let Some(recipient) = self.recipients.get_mut(place as usize) {
            recipient.generation = *generation;
            recipient.mailed_to = Some(AddressMark::of_claim(email, device.as_ref()));
        }
    }

    /// Records that a recipient was refused for now and may be claimed again at a time. A mail server that cannot be
    /// used has not refused the recipient.
    pub(crate) fn defer(&mut self, user: UserId, attempt: u32, code: Code, retry_at: Time) {
        if let Some(place) = self.set(user, RecipientState::Queued, Some(attempt)) {
            self.deferred.insert(place, retry_at);
            if code != Code::DeliveryServerUnavailable {
                *self.refusals.entry(place).or_default() += 1;
            }
        }
    }

    /// Moves a recipient to its outcome, for this reason. An outcome is never moved.
    pub(crate) fn end(&mut self, user: UserId, state: RecipientState, code: Code) {
        let place = self.set(user, state, None);
        if let Some(one) = place.and_then(|place| self.recipients.get_mut(place as usize)) {
            one.code = Some(code);
        }
    }

    /// Moves a recipient to a state; counts it if that is an outcome. An outcome is never moved.
    pub(crate) fn set(
        &mut self,
        user: UserId,
        state: RecipientState,
        attempt: Option<u32>,
    ) -> Option<u32> {
        let place = *self.places.get(&user)?;
        let recipient = self.recipients.get_mut(place as usize)?;
        if recipient.state.is_terminal() {
            return None;
        }
        recipient.state = state;
        recipient.attempt = attempt.unwrap_or(recipient.attempt);
        self.deferred.remove(&place);
        self.in_flight.remove(&place);
        self.wordings.remove(&place);
        if state.is_terminal() {
            self.refusals.remove(&place);
        }
        match state {
            RecipientState::Sent => self.passed += 1,
            RecipientState::Skipped => self.skipped += 1,
            RecipientState::Failed => self.failed += 1,
            RecipientState::Queued | RecipientState::Dispatching => {}
        }
        // An external worker may report out of order. The place moves over touched recipients only, so that the
        // others keep their turn.
        while self.recipients.get(self.untouched as usize).is_some_and(|one| !one.is_untouched()) {
            self.untouched += 1;
        }
        Some(place)
    }
}
