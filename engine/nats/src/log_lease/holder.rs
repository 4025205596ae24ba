//! The holder of the lease, as the other engines see it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::limits::{LOG_LEASE_SECONDS, SHARED_LOG_LEASE_SECONDS};

/// An engine that holds the lease, alone or with the other engines of its log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseHolder {
    /// The id of this start of the engine.
    pub engine: Ulid,
    /// Whether its log is in JetStream, where engines share the lease.
    pub shares: bool,
    /// The machine, for people.
    pub host: String,
    /// The data folder, for people.
    pub data: String,
    /// The id of the data folder while its machine runs; see `data_dir::identity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// How long the lease is valid after its renewal was sent, in seconds.
    pub lease_seconds: u64,
}

impl LeaseHolder {
    /// An engine of this process.
    pub fn new(engine: Ulid, shares: bool, data: String, folder: Option<String>) -> Self {
        let lease_seconds = if shares { SHARED_LOG_LEASE_SECONDS } else { LOG_LEASE_SECONDS };
        Self { engine, shares, host: host_name(), data, folder, lease_seconds }
    }

    /// Whether both may hold the lease together: they are one start of an engine, or engines that share a log.
    pub(super) fn shares_lease_with(&self, other: &Self) -> bool {
        self.engine == other.engine || (self.shares && other.shares)
    }

    /// Whether the other engine had the data folder that this engine has locked. Then the other engine has ended,
    /// because the lock of a folder belongs to one process.
    pub(super) fn has_folder_of(&self, other: &Self) -> bool {
        other.had_folder(self.folder.as_deref())
    }

    /// Whether this engine served its own log from the data folder. The caller has locked that folder.
    pub(super) fn had_folder(&self, folder: Option<&str>) -> bool {
        !self.shares && folder.is_some() && self.folder.as_deref() == folder
    }

    pub(super) fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }
}

impl fmt::Display for LeaseHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { engine, host, data, .. } = self;
        write!(f, "engine {engine} on {host}, data folder {data}")
    }
}

/// The name of this machine.
fn host_name() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let read = read.or_else(|| std::env::var("HOSTNAME").ok());
    read.map_or_else(|| "an unknown host".to_owned(), |name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(shares: bool, folder: Option<&str>) -> LeaseHolder {
        let engine = Ulid::from_parts(u64::from(shares), folder.map_or(0, |it| it.len() as u128));
        LeaseHolder::new(engine, shares, "/data".to_owned(), folder.map(str::to_owned))
    }

    #[test]
    fn only_engines_on_one_log_hold_the_lease_together() {
        let (alone, shared) = (holder(false, Some("a")), holder(true, Some("a")));
        assert!(
            alone.shares_lease_with(&alone) && shared.shares_lease_with(&holder(true, Some("bb")))
        );
        for (one, other) in [(&alone, &shared), (&shared, &alone), (&alone, &holder(false, None))] {
            assert!(!one.shares_lease_with(other), "{one:?} {other:?}");
        }
    }

    /// With engines that share a log, the end of one says nothing about the others.
    #[test]
    fn locked_folder_proves_the_end_of_its_last_engine() {
        let alone = holder(false, Some("a"));
        assert!(alone.has_folder_of(&holder(false, Some("a"))));
        assert!(holder(true, Some("a")).has_folder_of(&alone));
        assert!(!alone.has_folder_of(&holder(false, Some("b"))));
        assert!(!alone.has_folder_of(&holder(true, Some("a"))));
        assert!(!holder(false, None).has_folder_of(&holder(false, None)));
    }
}
