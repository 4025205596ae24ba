//! Alarms for organizations with few numbers: each shortage is notified once.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::stock::{NumberOwner, Stock};

/// What there is to say about numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Alarms {
    /// As many numbers are in use as the company's threshold says, or more.
    pub threshold: Alarm,
    /// Pending invitations need more numbers than there are.
    pub demand: Alarm,
    /// The owners whose numbers have changed since the last look.
    changed: BTreeSet<NumberOwner>,
}

/// One of the two.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Alarm {
    /// The owners with a shortage that was not notified yet.
    untold: BTreeSet<NumberOwner>,
    /// The owners with a notified shortage.
    notified: BTreeSet<NumberOwner>,
}

impl Alarm {
    pub fn untold(&self) -> impl Iterator<Item = &NumberOwner> {
        self.untold.iter()
    }

    pub fn is_due(&self) -> bool {
        !self.untold.is_empty()
    }

    pub(crate) fn tell(&mut self, owner: &NumberOwner) {
        if self.untold.remove(owner) {
            self.notified.insert(owner.clone());
        }
    }

    fn look(&mut self, owner: &NumberOwner, holds: bool) {
        if !holds {
            self.untold.remove(owner);
            self.notified.remove(owner);
        } else if !self.notified.contains(owner) {
            self.untold.insert(owner.clone());
        }
    }
}

impl Alarms {
    pub(super) fn change(&mut self, owner: &NumberOwner) {
        if !self.changed.contains(owner) {
            self.changed.insert(owner.clone());
        }
    }

    /// Checks the owners that have changed, once per commit. So a number that is allocated and assigned in one
    /// commit does not look like a crossing in both directions.
    pub(super) fn look(&mut self, threshold_percent: u64, stock: impl Fn(&NumberOwner) -> Stock) {
        for owner in std::mem::take(&mut self.changed) {
            let stock = stock(&owner);
            self.threshold.look(&owner, stock.is_over(threshold_percent));
            self.demand.look(&owner, stock.waiting > stock.free());
        }
    }
}
