//! The numbers of one organization, counted by their state.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The organization that has a number; none is the company's own stock.
pub type NumberOwner = Option<Arc<str>>;

/// What one owner can give, and how many wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stock {
    pub total: u64,
    /// The assigned numbers.
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

    /// The share of assigned numbers, in percent.
    pub fn used_percent(self) -> u64 {
        (100 * self.used).checked_div(self.total).unwrap_or(0)
    }

    pub(crate) fn is_over(self, threshold_percent: u64) -> bool {
        self.total > 0 && self.used_percent() >= threshold_percent
    }

    /// The numbers without a promise. With overbooking, one number may be promised to several people.
    pub fn spare(self, overbooking: bool) -> u64 {
        if overbooking { self.free() } else { self.free().saturating_sub(self.waiting) }
    }
}
