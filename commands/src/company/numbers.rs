//! The number pool: each number in one state and of one owner, whose it is, and who waits for one.

mod alarms;
mod stock;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::user_id::UserId;
use super::users::{Invitation, InvitationState, User, UserState};
use crate::event::{Channel, TemplateKind};
use crate::values::{Phone, Time};

pub use alarms::{Alarm, Alarms};
pub use stock::{NumberOwner, Stock};

/// Every number of the company, and the accounts that draw on them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Numbers {
    all: BTreeMap<Phone, Number>,
    by_user: BTreeMap<UserId, Phone>,
    stock: BTreeMap<NumberOwner, Stock>,
    cooling: BTreeSet<(Time, Phone)>,
    /// Those who take their number from the pool: people of a MultiLine file.
    accounts: BTreeSet<UserId>,
    /// Accounts with a pending invitation and no number, by their organization.
    waiting: BTreeMap<UserId, NumberOwner>,
    /// Increases when a person starts or stops waiting: then the numbers for imports change.
    turns: u64,
    /// The company's setting.
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

    /// Whose it is.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::Assigned { user } | Self::Registered { user } => Some(*user),
            Self::Available | Self::Reserved { .. } | Self::Cooling { .. } => None,
        }
    }
}

/// The invitations by which a person who is not on board yet may still come. Who has left comes by none.
pub fn pending(user: &User) -> impl Iterator<Item = Invitation> {
    let on_board = Channel::ALL.iter().any(|channel| user.link(*channel).linked);
    open(user).filter(move |_| !on_board)
}

/// The same once the person is not linked to this channel any more.
pub fn pending_without(user: &User, channel: Channel) -> impl Iterator<Item = Invitation> {
    let mut others = Channel::ALL.iter().filter(|other| **other != channel);
    let on_board = others.any(|other| user.link(*other).linked);
    open(user).filter(move |_| !on_board)
}

/// The invitations by which a person would come again, were the person to be restored.
pub fn pending_once_restored(user: &User) -> impl Iterator<Item = Invitation> {
    let on_board = Channel::ALL.iter().any(|channel| user.link(*channel).linked);
    still_open(user).filter(move |_| !on_board)
}

fn open(user: &User) -> impl Iterator<Item = Invitation> {
    let has_left = user.state == UserState::Archived;
    still_open(user).filter(move |_| !has_left)
}

fn still_open(user: &User) -> impl Iterator<Item = Invitation> {
    let is_open = |invitation: &Invitation| {
        matches!(
            invitation.state,
            InvitationState::Created
                | InvitationState::Sent
                | InvitationState::Delivered
                | InvitationState::Deferred
        )
    };
    let links = Channel::ALL.map(|channel| user.link(channel));
    links.into_iter().filter_map(|link| link.invitation).filter(is_open)
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

    pub fn stock(&self, owner: &NumberOwner) -> Stock {
        self.stock.get(owner).copied().unwrap_or_default()
    }

    /// Numbers that become available by themselves, by the time at which they do.
    pub fn cooling(&self) -> impl Iterator<Item = (Time, Phone)> + '_ {
        self.cooling.iter().copied()
    }

    /// Whether the person takes a number from the pool, instead of having a corporate phone.
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

    /// Changes whenever a person starts or stops waiting.
    pub fn turns(&self) -> u64 {
        self.turns
    }

    /// Owners whose numbers run short.
    pub fn alarms(&self) -> &Alarms {
        &self.alarms
    }

    /// Looks whose numbers run short, at the end of a commit.
    pub(crate) fn look(&mut self) {
        let stock = &self.stock;
        let of = |owner: &NumberOwner| stock.get(owner).copied().unwrap_or_default();
        self.alarms.look(self.threshold_percent, of);
    }

    pub(crate) fn set_threshold(&mut self, percent: u64) {
        self.threshold_percent = percent;
        self.stock.keys().for_each(|owner| self.alarms.change(owner));
    }

    /// Records that administrators were notified about an owner.
    pub(crate) fn tell(&mut self, kind: TemplateKind, org_unit: Option<&str>) {
        let owner = self.owner(org_unit);
        match kind {
            TemplateKind::NumberThreshold => self.alarms.threshold.tell(&owner),
            TemplateKind::InvitationsExceedNumbers => self.alarms.demand.tell(&owner),
            _ => {}
        }
    }

    pub(crate) fn open(&mut self, user: UserId) {
        self.accounts.insert(user);
    }

    /// Who is no person of the company any more takes no number and waits for none.
    pub(crate) fn close(&mut self, user: UserId) {
        self.accounts.remove(&user);
        self.wait(user, None);
    }

    /// The owner of that name, kept once however many numbers it has.
    pub(crate) fn owner(&self, name: Option<&str>) -> NumberOwner {
        let owner: NumberOwner = name.map(Arc::from);
        self.stock.get_key_value(&owner).map_or(owner, |(known, _)| known.clone())
    }

    pub(crate) fn add(&mut self, number: Phone, owner: NumberOwner) {
        if !self.all.contains_key(&number) {
            self.put(number, Number { owner, state: NumberState::Available });
        }
    }

    pub(crate) fn give(&mut self, number: Phone, owner: NumberOwner) {
        if let Some(known) = self.all.get(&number) {
            let state = known.state.clone();
            self.put(number, Number { owner, state });
        }
    }

    pub(crate) fn set(&mut self, number: Phone, state: NumberState) {
        if let Some(known) = self.all.get(&number) {
            let owner = known.owner.clone();
            self.put(number, Number { owner, state });
        }
    }

    /// Notes whether an account waits, and of which organization it is.
    pub(crate) fn wait(&mut self, user: UserId, org_unit: Option<NumberOwner>) {
        let before = self.waiting.get(&user).cloned();
        if before == org_unit {
            return;
        }
        self.turns += 1;
        before.iter().chain(&org_unit).for_each(|owner| self.alarms.change(owner));
        if let Some(owner) = before {
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

    /// Puts a number in the place of what it was, and keeps the counts and indexes.
    fn put(&mut self, number: Phone, new: Number) {
        if let Some(old) = self.all.remove(&number) {
            self.alarms.change(&old.owner);
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
        self.alarms.change(&new.owner);
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
