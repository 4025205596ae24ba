//! Whether a lease holds, counted in renewals: those that were missed, and those that nobody could make.

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::kv::PutError;

use crate::limits::{LEADERLESS_SECONDS_MAX, LEASE_SECONDS, RENEWALS_PER_LEASE, SETTLE_RENEWALS};

/// How our lease stands, in renewals.
#[derive(Debug, Default)]
pub(super) struct LeaseHealth {
    /// Missed since the last that succeeded.
    missed: u32,
    /// Since when nobody could renew.
    leaderless: u32,
    /// Until those that could not renew either have had time to.
    settling: u32,
}

impl LeaseHealth {
    pub(super) fn renewed(&mut self) {
        let settling = if self.leaderless > 0 { SETTLE_RENEWALS } else { self.settling };
        *self = Self { missed: 0, leaderless: 0, settling: settling.saturating_sub(1) };
    }

    /// Nobody could renew, and nobody's company be taken. For ever is not to be believed, though: others may
    /// see a leader that we do not.
    pub(super) fn waited(&mut self) {
        self.leaderless += 1;
        let beats = LEADERLESS_SECONDS_MAX * u64::from(RENEWALS_PER_LEASE) / LEASE_SECONDS;
        if u64::from(self.leaderless) > beats {
            self.missed();
        }
    }

    pub(super) fn missed(&mut self) {
        self.missed += 1;
    }

    /// Whether it is to be feared that the lease has ended: the last beat before its end is too late to be
    /// sure of anything.
    pub(super) fn is_over(&self) -> bool {
        self.missed + 1 >= RENEWALS_PER_LEASE
    }

    /// Whether an engine that has no entry now is gone.
    pub(super) fn is_steady(&self) -> bool {
        self.missed == 0 && self.leaderless == 0 && self.settling == 0
    }
}

/// Whether the bucket has no leader: the server that we are connected to knows nobody who takes entries.
pub(super) fn has_no_leader(error: &PutError) -> bool {
    let source = std::error::Error::source(error);
    let publish = source.and_then(|source| source.downcast_ref::<PublishError>());
    publish.is_some_and(|error| error.kind() == PublishErrorKind::StreamNotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_that_is_not_renewed_is_over_before_it_ends() {
        let mut health = LeaseHealth::default();
        let beats = (1..).find(|_| {
            health.missed();
            health.is_over()
        });
        assert_eq!(beats, Some(RENEWALS_PER_LEASE - 1));
        health.renewed();
        assert!(!health.is_over() && health.is_steady());
    }

    #[test]
    fn p30_who_waits_for_a_leader_goes_on_but_not_for_ever() {
        let mut health = LeaseHealth::default();
        let beats = (1..).find(|_| {
            health.waited();
            health.is_over()
        });
        let a_lease = RENEWALS_PER_LEASE - 1;
        let seconds = u64::from(beats.unwrap() - a_lease) * LEASE_SECONDS;
        assert_eq!(seconds / u64::from(RENEWALS_PER_LEASE), LEADERLESS_SECONDS_MAX);
    }

    #[test]
    fn p30_after_a_wait_nobody_is_gone_before_all_could_renew() {
        let mut health = LeaseHealth::default();
        health.waited();
        let beats = (1..).find(|_| {
            health.renewed();
            health.is_steady()
        });
        assert_eq!(beats, Some(SETTLE_RENEWALS));
    }
}
