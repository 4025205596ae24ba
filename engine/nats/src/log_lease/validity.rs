//! How long the lease of this engine is valid, by the clock of this machine.

use std::time::Duration;

use boarding_core::clock::Moment;

use crate::limits::LEASE_UNUSED_PART;

/// The last renewal that the server has stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Renewal {
    pub(super) revision: u64,
    /// When the renewal was sent. Another engine sees the renewal later, and waits for a whole lease from that moment.
    pub(super) sent: Moment,
}

/// The part of a lease that its engine uses. The rest is for clocks that run at different speeds, and for the time
/// until an answer arrives.
pub(super) fn usable(lease: Duration) -> Duration {
    lease - lease / LEASE_UNUSED_PART
}

impl Renewal {
    /// Whether the engine may still work by this renewal.
    pub(super) fn is_valid(self, lease: Duration) -> bool {
        self.sent.longest_since() < usable(lease)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{
        LEADERLESS_SECONDS_MAX, LEASE_SECONDS, LOG_LEASE_SECONDS, SHARED_LOG_LEASE_SECONDS,
    };

    #[test]
    fn lease_ends_for_its_holder_before_others_acquire_it() {
        let lease = Duration::from_secs(LOG_LEASE_SECONDS);
        assert!(usable(lease) + Duration::from_secs(1) < lease);
        let renewal = Renewal { revision: 1, sent: Moment::now() };
        assert!(renewal.is_valid(lease) && !renewal.is_valid(Duration::ZERO));
    }

    /// P30: without a leader, engines on one log continue for `LEADERLESS_SECONDS_MAX` after their own lease.
    #[test]
    fn shared_lease_outlasts_an_election() {
        let usable = usable(Duration::from_secs(SHARED_LOG_LEASE_SECONDS));
        assert!(usable.as_secs() >= LEADERLESS_SECONDS_MAX + LEASE_SECONDS);
    }
}
