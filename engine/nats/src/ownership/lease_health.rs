//! Lease health: counts missed renewals, and renewals that failed without a leader.

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::kv::PutError;

use crate::limits::{LEADERLESS_SECONDS_MAX, LEASE_SECONDS, RENEWALS_PER_LEASE, SETTLE_RENEWALS};

/// The state of the own lease, in renewals.
#[derive(Debug, Default)]
pub(super) struct LeaseHealth {
    /// Missed renewals since the last success.
    missed: u32,
    /// Renewals that failed because the bucket has no leader.
    leaderless: u32,
    /// Renewals to wait, until other engines have had time to renew after an election.
    settling: u32,
}

impl LeaseHealth {
    pub(super) fn renewed(&mut self) {
        let settling = if self.leaderless > 0 { SETTLE_RENEWALS } else { self.settling };
        *self = Self { missed: 0, leaderless: 0, settling: settling.saturating_sub(1) };
    }

    /// Counts a renewal that failed because the bucket has no leader. No engine can renew then, and no company
    /// can change its owner. After a limit it counts as missed: other engines may see a leader that this one
    /// does not.
    pub(super) fn waited(&mut self) {
        self.leaderless += 1;
        let renewals = LEADERLESS_SECONDS_MAX * u64::from(RENEWALS_PER_LEASE) / LEASE_SECONDS;
        if u64::from(self.leaderless) > renewals {
            self.missed();
        }
    }

    pub(super) fn missed(&mut self) {
        self.missed += 1;
    }

    /// Whether the lease may have expired. One renewal before its end counts as expired, because its outcome
    /// would come too late.
    pub(super) fn is_over(&self) -> bool {
        self.missed + 1 >= RENEWALS_PER_LEASE
    }

    /// Whether a missing entry means that its engine is not alive.
    pub(super) fn is_steady(&self) -> bool {
        self.missed == 0 && self.leaderless == 0 && self.settling == 0
    }
}

/// Whether the bucket has no leader: the connected server finds no responder for writes.
pub(super) fn has_no_leader(error: &PutError) -> bool {
    let source = std::error::Error::source(error);
    let publish = source.and_then(|source| source.downcast_ref::<PublishError>());
    publish.is_some_and(|error| error.kind() == PublishErrorKind::StreamNotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_as_expired_one_renewal_before_its_end() {
        let mut health = LeaseHealth::default();
        let renewals = (1..).find(|_| {
            health.missed();
            health.is_over()
        });
        assert_eq!(renewals, Some(RENEWALS_PER_LEASE - 1));
        health.renewed();
        assert!(!health.is_over() && health.is_steady());
    }

    /// P30
    #[test]
    fn an_engine_without_a_leader_continues_for_a_limited_time() {
        let mut health = LeaseHealth::default();
        let renewals = (1..).find(|_| {
            health.waited();
            health.is_over()
        });
        let a_lease = RENEWALS_PER_LEASE - 1;
        let seconds = u64::from(renewals.unwrap() - a_lease) * LEASE_SECONDS;
        assert_eq!(seconds / u64::from(RENEWALS_PER_LEASE), LEADERLESS_SECONDS_MAX);
    }

    /// P30
    #[test]
    fn after_an_election_engines_get_time_to_renew() {
        let mut health = LeaseHealth::default();
        health.waited();
        let renewals = (1..).find(|_| {
            health.renewed();
            health.is_steady()
        });
        assert_eq!(renewals, Some(SETTLE_RENEWALS));
    }
}
