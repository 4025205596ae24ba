//! The number pool: each number in one state and of one owner, whose it is, and who waits for one.

mod alarms;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::users::{Invitation, InvitationState, User, UserId, UserState};
use crate::event::{Channel, TemplateKind};
use crate::values::{Phone, Time};

pub use alarms::{Alarm, Alarms};

/// The organization that has a number; none is the company's own stock.
pub type Owner = Option<Arc<str>>;

/// Every number of the company, and the accounts that draw on them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Numbers {
    all: BTreeMap<Phone, Number>,
    by_user: BTreeMap<UserId, Phone>,
    stock: BTreeMap<Owner, Stock>,
    cooling: BTreeSet<(Time, Phone)>,
    /// Those who take their number from the pool: people of a MultiLine file.
    accounts: BTreeSet<UserId>,
    /// Accounts with a pending invitation and no number, by their organization.
    waiting: BTreeMap<UserId, Owner>,
    /// Rises when somebody begins or ceases to wait: what an import may take has changed.
    turns: u64,
    /// The company's setting.
    threshold_percent: u64,
    alarms: Alarms,
}

/// One number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number {
    pub owner: Owner,
    pub state: NumberState,
}

/// Where a number stands: exactly one of these (P18).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberState {
    Available,
    Reserved {
        tag: String,
    },
    /// Somebody's who is not on board yet.
    Assigned {
        user: UserId,
    },
    /// Somebody's who is.
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

/// What one owner can give, and how many wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stock {
    pub total: u64,
    /// Those that are somebody's.
    pub used: u64,
    pub available: u64,
    pub reserved: u64,
    /// Pending invitations without a number.
    pub waiting: u64,
}

impl Stock {
    /// Numbers that an invitation may still be sent on.
    pub fn free(self) -> u64 {
        self.available + self.reserved
    }

    /// How many of all are somebody's, in percent.
    pub fn used_percent(self) -> u64 {
        (100 * self.used).checked_div(self.total).unwrap_or(0)
    }

    pub(crate) fn is_over(self, threshold_percent: u64) -> bool {
        self.total > 0 && self.used_percent() >= threshold_percent
    }

    /// Numbers that are promised to nobody (A19). With overbooking, one number may be promised to many.
    pub fn spare(self, overbooking: bool) -> u64 {
        if overbooking { self.free() } else { self.free().saturating_sub(self.waiting) }
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

    pub fn stock(&self, owner: &Owner) -> Stock {
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

    /// Changes whenever somebody begins or ceases to wait.
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
        let of = |owner: &Owner| stock.get(owner).copied().unwrap_or_default();
        self.alarms.look(self.threshold_percent, of);
    }

    pub(crate) fn set_threshold(&mut self, percent: u64) {
        self.threshold_percent = percent;
        self.stock.keys().for_each(|owner| self.alarms.change(owner));
    }

    /// Takes note that administrators were told of an owner.
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
    pub(crate) fn owner(&self, name: Option<&str>) -> Owner {
        let owner: Owner = name.map(Arc::from);
        self.stock.get_key_value(&owner).map_or(owner, |(known, _)| known.clone())
    }

    pub(crate) fn add(&mut self, number: Phone, owner: Owner) {
        if !self.all.contains_key(&number) {
            self.put(number, Number { owner, state: NumberState::Available });
        }
    }

    pub(crate) fn give(&mut self, number: Phone, owner: Owner) {
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
    pub(crate) fn wait(&mut self, user: UserId, org_unit: Option<Owner>) {
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
