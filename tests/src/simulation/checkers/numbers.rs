//! P18, P19: each number has one state and one owner, and invitations do not exceed the free numbers.

use std::collections::{BTreeMap, BTreeSet};

use boarding_commands::event::{Channel, Delivery, Event, Who};
use boarding_commands::values::{Phone, RunId};
use serde_json::{Value, json};

use super::super::violation::{CheckResult, ensure};

/// The organization that owns a number. `None`: the company's own stock.
type Owner = Option<String>;

#[derive(Debug, Clone, Default)]
pub(crate) struct NumberChecker {
    pool: BTreeMap<Phone, NumberState>,
    accounts: BTreeSet<String>,
    users: BTreeMap<String, UserState>,
    /// The last generation that a run sent to each recipient.
    dispatched: BTreeMap<(RunId, String), u32>,
    overbooking: bool,
    /// By owner: the pending invitations without a free number after the last commit.
    uncovered: BTreeMap<Owner, u64>,
}

#[derive(Debug, Clone)]
struct NumberState {
    owner: Owner,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Available,
    Reserved,
    Assigned(String),
    Registered(String),
    Cooling,
}

impl State {
    fn holder(&self) -> Option<&String> {
        match self {
            Self::Assigned(user) | Self::Registered(user) => Some(user),
            Self::Available | Self::Reserved | Self::Cooling => None,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Reserved => "reserved",
            Self::Assigned(_) => "assigned",
            Self::Registered(_) => "registered",
            Self::Cooling => "cooling",
        }
    }
}

#[derive(Debug, Clone, Default)]
struct UserState {
    org_unit: Owner,
    archived: bool,
    contact: BTreeMap<Channel, Contact>,
}

/// The invitation and link of a user on one channel.
#[derive(Debug, Clone, Default)]
struct Contact {
    linked: bool,
    newest: Mailed,
    /// The mails before, whose links live on until the newest mail is sent.
    older: Vec<Mailed>,
}

/// One generation of an invitation.
#[derive(Debug, Clone, Copy, Default)]
struct Mailed {
    generation: u32,
    pending: bool,
    sent: bool,
    ended: bool,
}

impl Mailed {
    /// Whether the mail may have arrived, and its link was not ended.
    fn may_be_used(&self) -> bool {
        self.pending || (self.sent && !self.ended)
    }

    fn end(&mut self) {
        (self.pending, self.ended) = (false, true);
    }
}

impl Contact {
    fn all(&mut self) -> impl Iterator<Item = &mut Mailed> {
        [&mut self.newest].into_iter().chain(&mut self.older)
    }
}

impl UserState {
    fn is_pending(&self) -> bool {
        let linked = self.contact.values().any(|contact| contact.linked);
        !self.archived && !linked && self.contact.values().any(|contact| contact.newest.pending)
    }
}

impl NumberChecker {
    pub(super) fn observe(&mut self, event: &Event, channel: Option<Channel>) -> CheckResult {
        match event {
            Event::CompanyConfigChanged { setting, value } if setting == "number_overbooking" => {
                self.overbooking = value == true;
            }
            Event::UserCreated { user, org_unit, .. }
            | Event::UserUpdated { user, org_unit, .. } => {
                self.user(user).org_unit.clone_from(org_unit);
            }
            Event::UserArchived { user } => self.user(user).archived = true,
            Event::UserRestored { user } => self.user(user).archived = false,
            Event::UserRemoved { user } => {
                ensure!(self.number_of(user).is_none(), "P18 a removed user has a number");
                self.accounts.remove(&user.folded());
                self.user(user).org_unit = None;
            }
            Event::AccountOpened { user, .. } => {
                self.accounts.insert(user.folded());
            }
            Event::UserLinked { user, channel, .. } => {
                let contact = self.contact(user, *channel);
                contact.linked = true;
                contact.all().for_each(Mailed::end);
            }
            Event::UserUnlinked { user, channel } => self.contact(user, *channel).linked = false,
            Event::InvitationExpired { user, channel, generation, .. }
            | Event::InvitationRevoked { user, channel, generation, .. }
            | Event::InvitationEnded { user, channel, generation, .. } => {
                let ended = self.contact(user, *channel).all();
                ended.filter(|one| one.generation == *generation).for_each(Mailed::end);
            }
            _ => {
                self.observe_mail(event, channel);
                self.observe_number(event)?;
            }
        }
        Ok(())
    }

    fn observe_mail(&mut self, event: &Event, channel: Option<Channel>) {
        let Some(channel) = channel else { return };
        match event {
            Event::InviteDispatched { run, user, generation, sent_on, .. } => {
                self.dispatched.insert((*run, user.folded()), *generation);
                let contact = self.contact(user, channel);
                let generation = *generation;
                let claimed = Mailed { generation, pending: true, ..Mailed::default() };
                let before = std::mem::replace(&mut contact.newest, claimed);
                if before.generation != generation {
                    contact.older.push(before);
                }
                contact.older.retain(|older| sent_on.is_some() && older.may_be_used());
            }
            Event::InviteSent { run, user, .. } if self.is_newest(*run, user, channel) => {
                let contact = self.contact(user, channel);
                contact.newest.sent = true;
                contact.older.clear();
            }
            // The mail was certainly not sent, so the user does not wait for a number.
            Event::InviteFailed { run, user, code, .. }
                if !code.leaves_delivery_open() && self.is_newest(*run, user, channel) =>
            {
                let contact = self.contact(user, channel);
                let older = if contact.newest.ended { None } else { contact.older.pop() };
                contact.newest.pending = false;
                contact.newest = older.unwrap_or(contact.newest);
            }
            Event::DeliveryRecorded { run, user, delivery: Delivery::BouncedHard, .. }
                if self.is_newest(*run, user, channel) =>
            {
                let newest = &mut self.contact(user, channel).newest;
                newest.pending &= !newest.sent;
            }
            _ => {}
        }
    }

    /// Whether the run sent the user's newest invitation on this channel.
    fn is_newest(&self, run: RunId, user: &Who, channel: Channel) -> bool {
        let dispatched = self.dispatched.get(&(run, user.folded()));
        let contact = self.users.get(&user.folded()).and_then(|user| user.contact.get(&channel));
        dispatched.is_some() && dispatched == contact.map(|contact| &contact.newest.generation)
    }

    fn observe_number(&mut self, event: &Event) -> CheckResult {
        match event {
            Event::NumberAdded { number, org_unit } => {
                let added = NumberState { owner: org_unit.clone(), state: State::Available };
                let before = self.pool.insert(**number, added);
                ensure!(before.is_none(), "P18 a number was added twice");
            }
            Event::NumberReserved { number, .. } => {
                self.change_state(**number, &["available"], State::Reserved)?;
            }
            Event::NumberUnreserved { number } => {
                self.change_state(**number, &["reserved"], State::Available)?;
            }
            Event::NumberCooled { number } => {
                self.change_state(**number, &["cooling"], State::Available)?;
            }
            Event::NumberAssigned { number, user, .. } => {
                ensure!(self.number_of(user).is_none(), "P18 an account has two numbers");
                let assigned = State::Assigned(user.folded());
                self.change_state(**number, &["available", "reserved"], assigned)?;
            }
            Event::NumberRegistered { number, user } => {
                self.check_holder(**number, user)?;
                self.change_state(**number, &["assigned"], State::Registered(user.folded()))?;
            }
            Event::NumberReleased { number, user, cooling_until } => {
                self.check_holder(**number, user)?;
                let cools = cooling_until.is_some();
                let state = if cools { State::Cooling } else { State::Available };
                self.change_state(**number, &["assigned", "registered"], state)?;
            }
            Event::NumberAllocated { number, org_unit } => {
                self.number(**number)?.owner = Some(org_unit.clone());
            }
            Event::NumberWithdrawn { number, org_unit } => {
                let number = self.number(**number)?;
                ensure!(number.state.holder().is_none(), "P18 a number in use was withdrawn");
                number.owner.clone_from(org_unit);
            }
            _ => {}
        }
        Ok(())
    }

    fn change_state(&mut self, number: Phone, from: &[&str], to: State) -> CheckResult {
        let number = self.number(number)?;
        let (before, after) = (number.state.name(), to.name());
        ensure!(from.contains(&before), "P18 a number that is {before} becomes {after}");
        number.state = to;
        Ok(())
    }

    fn check_holder(&mut self, number: Phone, user: &Who) -> CheckResult {
        let number = self.number(number)?;
        ensure!(
            number.state.holder() == Some(&user.folded()),
            "P18 a number that is {} is not the user's",
            number.state.name()
        );
        Ok(())
    }

    fn number(&mut self, number: Phone) -> Result<&mut NumberState, String> {
        self.pool.get_mut(&number).ok_or_else(|| "P18 an unknown number".to_owned())
    }

    fn number_of(&self, user: &Who) -> Option<Phone> {
        let user = user.folded();
        let held = self.pool.iter().find(|(_, state)| state.state.holder() == Some(&user));
        held.map(|(number, _)| *number)
    }

    fn user(&mut self, user: &Who) -> &mut UserState {
        self.users.entry(user.folded()).or_default()
    }

    fn contact(&mut self, user: &Who, channel: Channel) -> &mut Contact {
        self.user(user).contact.entry(channel).or_default()
    }

    /// By organization: the accounts with a pending invitation and no number.
    fn waiting(&self) -> BTreeMap<Owner, u64> {
        let held: BTreeSet<_> =
            self.pool.values().filter_map(|number| number.state.holder()).collect();
        let mut waiting = BTreeMap::new();
        for user in self.accounts.iter().filter(|user| !held.contains(user)) {
            if let Some(user) = self.users.get(user).filter(|user| user.is_pending()) {
                *waiting.entry(user.org_unit.clone()).or_default() += 1;
            }
        }
        waiting
    }

    /// Checks at the end of each commit.
    ///
    /// P18: a number and its user have the same organization. P19: without overbooking, no commit raises the
    /// pending invitations above the free numbers.
    pub(super) fn end_commit(&mut self) -> CheckResult {
        for number in self.pool.values() {
            let Some(user) = number.state.holder() else { continue };
            let org_unit = self.users.get(user).and_then(|user| user.org_unit.clone());
            ensure!(
                number.owner == org_unit,
                "P18 a number of {:?} belongs to a user of {org_unit:?}",
                number.owner
            );
        }
        let mut uncovered = BTreeMap::new();
        for (owner, waiting) in self.waiting() {
            let is_free = |number: &&NumberState| {
                number.owner == owner && matches!(number.state, State::Available | State::Reserved)
            };
            let free = self.pool.values().filter(is_free).count() as u64;
            let before = self.uncovered.get(&owner).copied().unwrap_or_default();
            let now = waiting.saturating_sub(free);
            ensure!(
                self.overbooking || now <= before,
                "P19 {waiting} accounts wait for numbers of {owner:?}, {free} are free"
            );
            uncovered.insert(owner, now);
        }
        // The next commit is compared with this state, in which accounts or numbers may have become free.
        self.uncovered = uncovered;
        Ok(())
    }

    /// P18, P19: the queries `numbers` and `number_utilisation` show the checker's state.
    pub(crate) fn check_queries(&self, numbers: &[Value], utilisation: &[Value]) -> CheckResult {
        let shown: Vec<_> = numbers
            .iter()
            .map(|row| json!([row["number"], row["org_unit"], row["state"]]))
            .collect();
        let expected: Vec<_> = self
            .pool
            .iter()
            .map(|(phone, number)| json!([phone, number.owner, number.state.name()]))
            .collect();
        ensure!(
            shown == expected,
            "P18 wrong pool: {} of {} numbers shown",
            shown.len(),
            expected.len()
        );
        let mut waiting = self.waiting();
        let mut total = 0;
        for row in utilisation {
            let owner = row["org_unit"].as_str().map(str::to_owned);
            let of_owner = |state: &str| {
                let is =
                    |number: &&NumberState| number.owner == owner && number.state.name() == state;
                self.pool.values().filter(is).count()
            };
            for state in ["available", "reserved", "assigned", "registered", "cooling"] {
                ensure!(
                    row[state] == of_owner(state),
                    "P18 {owner:?} shows {} {state}",
                    row[state]
                );
                total += of_owner(state);
            }
            let pending = waiting.remove(&owner).unwrap_or_default();
            let shown = &row["pending_without_number"];
            ensure!(
                *shown == pending,
                "P19 {owner:?} shows {shown} pending, the checker has {pending}"
            );
        }
        ensure!(total == self.pool.len(), "P18 the owners have {total} of {}", self.pool.len());
        Ok(())
    }
}
