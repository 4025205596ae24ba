//! The number pool: the state, owner and user of each number, and the accounts without one.

mod alarms;
mod stock;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::link::Invitation;
use super::user_id::UserId;
use super::users::{User, UserState};
use crate::event::{Channel, MailKind};
use crate::values::{Phone, Time};

pub use alarms::{Alarm, Alarms};
pub use stock::{NumberOwner, Stock};

/// The numbers of the company, and the accounts that get one from the pool.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Numbers {
    all: BTreeMap<Phone, Number>,
    by_user: BTreeMap<UserId, Phone>,
    stock: BTreeMap<NumberOwner, Stock>,
    cooling: BTreeSet<(Time, Phone)>,
    /// The people who get their number from the pool: those of a MultiLine file.
    accounts: BTreeSet<UserId>,
    /// Accounts with a pending invitation and no number, by their organization.
    waiting: BTreeMap<UserId, NumberOwner>,
    /// Increases when a person starts or stops waiting: an import may then get other numbers.
    waiting_changes: u64,
    /// The setting `number_threshold_percent`.
    threshold_percent: u64,
    alarms: Alarms,
}

/// One number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number {
    pub owner: NumberOwner,
    pub state: NumberState,
}

/// The state of a number: it has exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberState {
    Available,
    Reserved {
        tag: String,
    },
    /// Assigned to a person who has not linked yet.
    Assigned {
        user: UserId,
    },
    /// Assigned to a person who has linked.
    Registered {
        user: UserId,
    },
    Cooling {
        until: Time,
    },
}

impl NumberState {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Reserved { .. } => "reserved",
            Self::Assigned { .. } => "assigned",
            Self::Registered { .. } => "registered",
            Self::Cooling { .. } => "cooling",
        }
    }

    /// The person who has the number.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::Assigned { user } | Self::Registered { user } => Some(*user),
            Self::Available | Self::Reserved { .. } | Self::Cooling { .. } => None,
        }
    }
}

/// The open invitations of a person who is not linked to any channel. An archived person has none.
pub fn pending(user: &User) -> impl Iterator<Item = Invitation> {
    let is_linked = Channel::ALL.iter().any(|channel| user.link(*channel).linked);
    open_unless_archived(user).filter(move |_| !is_linked)
}

/// The pending invitations of a person after the link to this channel is removed.
pub fn pending_without(user: &User, channel: Channel) -> impl Iterator<Item = Invitation> {
    let mut others = Channel::ALL.iter().filter(|other| **other != channel);
    let is_linked = others.any(|other| user.link(*other).linked);
    open_unless_archived(user).filter(move |_| !is_linked)
}

/// The pending invitations of an archived person after the person is restored.
pub fn pending_once_restored(user: &User) -> impl Iterator<Item = Invitation> {
    let is_linked = Channel::ALL.iter().any(|channel| user.link(*channel).linked);
    open_on_channels(user).filter(move |_| !is_linked)
}

fn open_unless_archived(user: &User) -> impl Iterator<Item = Invitation> {
    let is_archived = user.state == UserState::Archived;
    open_on_channels(user).filter(move |_| !is_archived)
}

fn open_on_channels(user: &User) -> impl Iterator<Item = Invitation> {
    let links = Channel::ALL.map(|channel| user.link(channel));
    links.into_iter().filter_map(|link| link.invitation).filter(Invitation::is_open)
}

impl Numbers {
    pub fn get(&self, number: Phone) -> Option<&Number> {
        self.all.get(&number)
    }

    /// Every number, in numerical order.
    pub fn iter(&self) -> impl Iterator<Item = (Phone, &Number)> {
        self.all.iter().map(|(number, known)| (*number, known))
    }

    /// The number that a person has.
    pub fn of(&self, user: UserId) -> Option<Phone> {
        self.by_user.get(&user).copied()
    }

    /// The available numbers of an organization; without one, those of the company's own stock.
    pub fn available(&self, org_unit: Option<&str>) -> impl Iterator<Item = Phone> {
        let fits = move |(_, number): &(Phone, &Number)| {
            number.state == NumberState::Available && number.owner.as_deref() == org_unit
        };
        self.iter().filter(fits).map(|(phone, _)| phone)
    }

    pub fn stock(&self, owner: &NumberOwner) -> Stock {
        self.stock.get(owner).copied().unwrap_or_default()
    }

    /// The cooling numbers, each with the time at which it becomes available.
    pub fn cooling(&self) -> impl Iterator<Item = (Time, Phone)> + '_ {
        self.cooling.iter().copied()
    }

    /// Whether the person gets a number from the pool instead of a corporate phone.
    pub fn is_account(&self, user: UserId) -> bool {
        self.accounts.contains(&user)
    }

    pub fn has_accounts(&self) -> bool {
        !self.accounts.is_empty()
    }

    /// Whether the person has a pending invitation and no number.
    pub fn is_waiting(&self, user: UserId) -> bool {
        self.waiting.contains_key(&user)
    }

    /// Increases when a person starts or stops waiting.
    pub fn waiting_changes(&self) -> u64 {
        self.waiting_changes
    }

    /// The alarms of owners with few free numbers.
    pub fn alarms(&self) -> &Alarms {
        &self.alarms
    }

    /// Finds the owners with few free numbers, at the end of a commit.
    pub(crate) fn check_alarms(&mut self) {
        let stock = &self.stock;
        let of = |owner: &NumberOwner| stock.get(owner).copied().unwrap_or_default();
        self.alarms.check(self.threshold_percent, of);
    }

    pub(crate) fn set_threshold(&mut self, percent: u64) {
        self.threshold_percent = percent;
        self.stock.keys().for_each(|owner| self.alarms.mark_changed(owner));
    }

    /// Records that administrators were notified about an owner.
    pub(crate) fn mark_notified(&mut self, kind: MailKind, org_unit: Option<&str>) {
        let owner = self.owner(org_unit);
        match kind {
            MailKind::NumberThreshold => self.alarms.threshold.mark_notified(&owner),
            MailKind::InvitationsExceedNumbers => self.alarms.demand.mark_notified(&owner),
            _ => {}
        }
    }

    pub(crate) fn open_account(&mut self, user: UserId) {
        self.accounts.insert(user);
    }

    /// Removes the account of a removed person, who gets no number any more.
    pub(crate) fn close_account(&mut self, user: UserId) {
        self.accounts.remove(&user);
        self.set_waiting(user, None);
    }

    /// The owner with this name. All its numbers share one text, to save memory.
    pub(crate) fn owner(&self, name: Option<&str>) -> NumberOwner {
        let owner: NumberOwner = name.map(Arc::from);
        self.stock.get_key_value(&owner).map_or(owner, |(known, _)| known.clone())
    }

    pub(crate) fn add(&mut self, number: Phone, owner: NumberOwner) {
        if !self.all.contains_key(&number) {
            self.replace(number, Number { owner, state: NumberState::Available });
        }
    }

    pub(crate) fn set_owner(&mut self, number: Phone, owner: NumberOwner) {
        if let Some(known) = self.all.get(&number) {
            let state = known.state.clone();
            self.replace(number, Number { owner, state });
        }
    }

    pub(crate) fn set_state(&mut self, number: Phone, state: NumberState) {
        if let Some(known) = self.all.get(&number) {
            let owner = known.owner.clone();
            self.replace(number, Number { owner, state });
        }
    }

    /// Records the organization for whose number an account waits; none if it does not wait.
    pub(crate) fn set_waiting(&mut self, user: UserId, org_unit: Option<NumberOwner>) {
        let old = self.waiting.get(&user).cloned();
        if old == org_unit {
            return;
        }
        self.waiting_changes += 1;
        old.iter().chain(&org_unit).for_each(|owner| self.alarms.mark_changed(owner));
        if let Some(owner) = old {
            let stock = self.stock.entry(owner).or_default();
            stock.waiting = stock.waiting.saturating_sub(1);
        }
        match org_unit {
            Some(owner) => {
                self.stock.entry(owner.clone()).or_default().waiting += 1;
                self.waiting.insert(user, owner);
            }
            None => drop(self.waiting.remove(&user)),
        }
    }

    /// Adds or replaces a number, and updates the counts and indexes.
    fn replace(&mut self, number: Phone, new: Number) {
        if let Some(old) = self.all.remove(&number) {
            self.alarms.mark_changed(&old.owner);
            let stock = self.stock.entry(old.owner.clone()).or_default();
            stock.total = stock.total.saturating_sub(1);
            stock.used = stock.used.saturating_sub(old.state.user().map_or(0, |_| 1));
            if let Some(count) = self.count(&old) {
                *count = count.saturating_sub(1);
            }
            if let NumberState::Cooling { until } = old.state {
                self.cooling.remove(&(until, number));
            }
            if let Some(user) = old.state.user() {
                self.by_user.remove(&user);
            }
        }
        self.alarms.mark_changed(&new.owner);
        let stock = self.stock.entry(new.owner.clone()).or_default();
        stock.total += 1;
        stock.used += new.state.user().map_or(0, |_| 1);
        if let Some(count) = self.count(&new) {
            *count += 1;
        }
        if let NumberState::Cooling { until } = new.state {
            self.cooling.insert((until, number));
        }
        if let Some(user) = new.state.user() {
            self.by_user.insert(user, number);
        }
        self.all.insert(number, new);
    }

    fn count(&mut self, number: &Number) -> Option<&mut u64> {
        let stock = self.stock.entry(number.owner.clone()).or_default();
        match number.state {
            NumberState::Available => Some(&mut stock.available),
            NumberState::Reserved { .. } => Some(&mut stock.reserved),
            NumberState::Assigned { .. }
            | NumberState::Registered { .. }
            | NumberState::Cooling { .. } => None,
        }
    }
}
