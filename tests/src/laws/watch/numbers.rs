//! P18, P19: each number in one state and of one owner, and no more promised than there is.

use std::collections::{BTreeMap, BTreeSet};

use boarding_commands::event::{Channel, Delivery, Event, Who};
use boarding_commands::id::RunId;
use boarding_commands::phone::Phone;
use serde_json::{Value, json};

use super::super::broken::{Law, holds};

/// The organization that has a number; none is the company's own stock.
type Owner = Option<String>;

#[derive(Debug, Clone, Default)]
pub(crate) struct Numbers {
    pool: BTreeMap<Phone, Known>,
    accounts: BTreeSet<String>,
    people: BTreeMap<String, Seen>,
    /// The generation that each recipient of a run was given last.
    given: BTreeMap<(RunId, String), u32>,
    overbooking: bool,
    /// By owner, so many invitations had no number to come when the last commit was over.
    uncovered: BTreeMap<Owner, u64>,
}

#[derive(Debug, Clone)]
struct Known {
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

    fn word(&self) -> &'static str {
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
struct Seen {
    org_unit: Owner,
    has_left: bool,
    contact: BTreeMap<Channel, Contact>,
}

/// How somebody stands to one channel.
#[derive(Debug, Clone, Copy, Default)]
struct Contact {
    linked: bool,
    generation: u32,
    pending: bool,
    handed_over: bool,
}

impl Seen {
    fn is_pending(&self) -> bool {
        let on_board = self.contact.values().any(|contact| contact.linked);
        !self.has_left && !on_board && self.contact.values().any(|contact| contact.pending)
    }
}

impl Numbers {
    pub(super) fn note(&mut self, event: &Event, channel: Option<Channel>) -> Law {
        match event {
            Event::CompanyConfigChanged { setting, value } if setting == "number_overbooking" => {
                self.overbooking = value == true;
            }
            Event::UserCreated { user, org_unit, .. }
            | Event::UserUpdated { user, org_unit, .. } => {
                self.person(user).org_unit.clone_from(org_unit);
            }
            Event::UserArchived { user } => self.person(user).has_left = true,
            Event::UserRestored { user } => self.person(user).has_left = false,
            Event::UserRemoved { user } => {
                holds!(self.number_of(user).is_none(), "P18 somebody is removed who has a number");
                self.accounts.remove(&user.folded());
                self.person(user).org_unit = None;
            }
            Event::AccountOpened { user, .. } => {
                self.accounts.insert(user.folded());
            }
            Event::UserLinked { user, channel, .. } => {
                let contact = self.contact(user, *channel);
                (contact.linked, contact.pending) = (true, false);
            }
            Event::UserUnlinked { user, channel } => self.contact(user, *channel).linked = false,
            Event::InvitationExpired { user, channel, generation, .. }
            | Event::InvitationRevoked { user, channel, generation, .. } => {
                let contact = self.contact(user, *channel);
                contact.pending &= contact.generation != *generation;
            }
            _ => {
                self.mail(event, channel);
                self.number(event)?;
            }
        }
        Ok(())
    }

    fn mail(&mut self, event: &Event, channel: Option<Channel>) {
        let Some(channel) = channel else { return };
        match event {
            Event::InviteDispatched { run, user, generation, .. } => {
                self.given.insert((*run, user.folded()), *generation);
                let contact = self.contact(user, channel);
                (contact.generation, contact.pending, contact.handed_over) =
                    (*generation, true, false);
            }
            Event::InviteSent { run, user, .. } if self.is_newest(*run, user, channel) => {
                self.contact(user, channel).handed_over = true;
            }
            // Surely not sent: whoever it was for waits for nothing.
            Event::InviteFailed { run, user, code, .. }
                if !code.leaves_delivery_open() && self.is_newest(*run, user, channel) =>
            {
                self.contact(user, channel).pending = false;
            }
            Event::DeliveryRecorded { run, user, delivery: Delivery::BouncedHard, .. }
                if self.is_newest(*run, user, channel) =>
            {
                let contact = self.contact(user, channel);
                contact.pending &= !contact.handed_over;
            }
            _ => {}
        }
    }

    /// Whether the run gave out the newest invitation of that person.
    fn is_newest(&self, run: RunId, user: &Who, channel: Channel) -> bool {
        let given = self.given.get(&(run, user.folded()));
        let contact = self.people.get(&user.folded()).and_then(|seen| seen.contact.get(&channel));
        given.is_some() && given == contact.map(|contact| &contact.generation)
    }

    fn number(&mut self, event: &Event) -> Law {
        match event {
            Event::NumberAdded { number, org_unit } => {
                let known = Known { owner: org_unit.clone(), state: State::Available };
                let before = self.pool.insert(**number, known);
                holds!(before.is_none(), "P18 a number is added twice");
            }
            Event::NumberReserved { number, .. } => {
                self.moves(**number, &["available"], State::Reserved)?;
            }
            Event::NumberUnreserved { number } => {
                self.moves(**number, &["reserved"], State::Available)?;
            }
            Event::NumberCooled { number } => {
                self.moves(**number, &["cooling"], State::Available)?;
            }
            Event::NumberAssigned { number, user, .. } => {
                holds!(self.number_of(user).is_none(), "P18 two numbers on one account");
                let assigned = State::Assigned(user.folded());
                self.moves(**number, &["available", "reserved"], assigned)?;
            }
            Event::NumberRegistered { number, user } => {
                self.is_held(**number, user)?;
                self.moves(**number, &["assigned"], State::Registered(user.folded()))?;
            }
            Event::NumberReleased { number, user, cooling_until } => {
                self.is_held(**number, user)?;
                let rests = cooling_until.is_some();
                let state = if rests { State::Cooling } else { State::Available };
                self.moves(**number, &["assigned", "registered"], state)?;
            }
            Event::NumberAllocated { number, org_unit } => {
                self.known(**number)?.owner = Some(org_unit.clone());
            }
            Event::NumberWithdrawn { number, org_unit } => {
                let known = self.known(**number)?;
                holds!(known.state.holder().is_none(), "P18 a number in use is withdrawn");
                known.owner.clone_from(org_unit);
            }
            _ => {}
        }
        Ok(())
    }

    fn moves(&mut self, number: Phone, from: &[&str], to: State) -> Law {
        let known = self.known(number)?;
        let (before, after) = (known.state.word(), to.word());
        holds!(from.contains(&before), "P18 a number that is {before} becomes {after}");
        known.state = to;
        Ok(())
    }

    fn is_held(&mut self, number: Phone, user: &Who) -> Law {
        let known = self.known(number)?;
        holds!(
            known.state.holder() == Some(&user.folded()),
            "P18 a number that is {} is somebody else's",
            known.state.word()
        );
        Ok(())
    }

    fn known(&mut self, number: Phone) -> Result<&mut Known, String> {
        self.pool.get_mut(&number).ok_or_else(|| "P18 a number that was never added".to_owned())
    }

    fn number_of(&self, user: &Who) -> Option<Phone> {
        let user = user.folded();
        let held = self.pool.iter().find(|(_, known)| known.state.holder() == Some(&user));
        held.map(|(number, _)| *number)
    }

    fn person(&mut self, user: &Who) -> &mut Seen {
        self.people.entry(user.folded()).or_default()
    }

    fn contact(&mut self, user: &Who, channel: Channel) -> &mut Contact {
        self.person(user).contact.entry(channel).or_default()
    }

    /// Accounts with a pending invitation and no number, by their organization.
    fn waiting(&self) -> BTreeMap<Owner, u64> {
        let held: BTreeSet<_> =
            self.pool.values().filter_map(|known| known.state.holder()).collect();
        let mut waiting = BTreeMap::new();
        for user in self.accounts.iter().filter(|user| !held.contains(user)) {
            if let Some(seen) = self.people.get(user).filter(|seen| seen.is_pending()) {
                *waiting.entry(seen.org_unit.clone()).or_default() += 1;
            }
        }
        waiting
    }

    /// After every complete commit: whose a number is, its organization has it (P18); where overbooking is off,
    /// no commit has promised more than there was (P19).
    pub(super) fn settled(&mut self) -> Law {
        for known in self.pool.values() {
            let Some(user) = known.state.holder() else { continue };
            let org_unit = self.people.get(user).and_then(|seen| seen.org_unit.clone());
            holds!(
                known.owner == org_unit,
                "P18 a number of {:?} is held in {org_unit:?}",
                known.owner
            );
        }
        let mut uncovered = BTreeMap::new();
        for (owner, waiting) in self.waiting() {
            let is_free = |known: &&Known| {
                known.owner == owner && matches!(known.state, State::Available | State::Reserved)
            };
            let free = self.pool.values().filter(is_free).count() as u64;
            let before = self.uncovered.get(&owner).copied().unwrap_or_default();
            let now = waiting.saturating_sub(free);
            holds!(
                self.overbooking || now <= before,
                "P19 {waiting} wait for numbers of {owner:?}, which has {free}"
            );
            uncovered.insert(owner, now);
        }
        // What waited and does so no more, or where numbers came free: the next promise is judged by that.
        self.uncovered = uncovered;
        Ok(())
    }

    /// P18 and P19 as the queries show them: all numbers once, and each owner's by their states.
    pub(crate) fn agree_with(&self, numbers: &[Value], utilisation: &[Value]) -> Law {
        let shown: Vec<_> = numbers
            .iter()
            .map(|row| json!([row["number"], row["org_unit"], row["state"]]))
            .collect();
        let seen: Vec<_> = self
            .pool
            .iter()
            .map(|(number, known)| json!([number, known.owner, known.state.word()]))
            .collect();
        holds!(shown == seen, "P18 the pool is shown otherwise: {} of {}", shown.len(), seen.len());
        let mut waiting = self.waiting();
        let mut total = 0;
        for row in utilisation {
            let owner = row["org_unit"].as_str().map(str::to_owned);
            let of_owner = |state: &str| {
                let is = |known: &&Known| known.owner == owner && known.state.word() == state;
                self.pool.values().filter(is).count()
            };
            for state in ["available", "reserved", "assigned", "registered", "cooling"] {
                holds!(row[state] == of_owner(state), "P18 {owner:?} shows {} {state}", row[state]);
                total += of_owner(state);
            }
            let waits = waiting.remove(&owner).unwrap_or_default();
            let shown = &row["pending_without_number"];
            holds!(*shown == waits, "P19 {owner:?} shows {shown} pending, seen {waits}");
        }
        holds!(total == self.pool.len(), "P18 the owners have {total} of {}", self.pool.len());
        Ok(())
    }
}
