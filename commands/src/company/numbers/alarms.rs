//! Alarms when an organization has few free numbers: each shortage is notified once.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::stock::{NumberOwner, Stock};

/// The alarms of all owners of numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Alarms {
    /// The share of assigned numbers has reached the company's threshold.
    pub threshold: Alarm,
    /// Pending invitations need more numbers than are free.
    pub demand: Alarm,
    /// The owners whose numbers have changed since the last check.
    changed: BTreeSet<NumberOwner>,
}

/// One kind of alarm: the owners that have it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Alarm {
    /// The owners with a shortage that is not notified yet.
    due: BTreeSet<NumberOwner>,
    /// The owners with a notified shortage.
    notified: BTreeSet<NumberOwner>,
}

impl Alarm {
    /// The owners with a shortage that is not notified yet.
    pub fn due(&self) -> impl Iterator<Item = &NumberOwner> {
        self.due.iter()
    }

    pub fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    pub(crate) fn mark_notified(&mut self, owner: &NumberOwner) {
        if self.due.remove(owner) {
            self.notified.insert(owner.clone());
        }
    }

    fn update(&mut self, owner: &NumberOwner, is_short: bool) {
        if !is_short {
            self.due.remove(owner);
            self.notified.remove(owner);
        } else if !self.notified.contains(owner) {
            self.due.insert(owner.clone());
        }
    }
}

impl Alarms {
    pub(super) fn mark_changed(&mut self, owner: &NumberOwner) {
        if !self.changed.contains(owner) {
            self.changed.insert(owner.clone());
        }
    }

    /// Checks the owners whose numbers have changed. It runs once per commit, because the events of one commit may
    /// end a shortage and begin it again. That is no new shortage.
    pub(super) fn check(&mut self, threshold_percent: u64, stock: impl Fn(&NumberOwner) -> Stock) {
        for owner in std::mem::take(&mut self.changed) {
            let stock = stock(&owner);
            self.threshold.update(&owner, stock.is_over(threshold_percent));
            self.demand.update(&owner, stock.waiting > stock.free());
        }
    }
}
