//! Admission control: limits running requests in all, per company, and in bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::{NATS_REQUEST_BYTES_MAX, NATS_REQUESTS_MAX, NATS_REQUESTS_OF_COMPANY_MAX};

/// The limits of requests that run at the same time.
#[derive(Debug, Clone, Copy)]
pub struct AdmissionLimits {
    /// The most requests of all companies.
    pub requests: usize,
    /// The most requests of one company.
    pub of_company: usize,
    /// The most payload bytes.
    pub bytes: u32,
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self {
            requests: NATS_REQUESTS_MAX,
            of_company: NATS_REQUESTS_OF_COMPANY_MAX,
            bytes: NATS_REQUEST_BYTES_MAX,
        }
    }
}

/// Grants permits for requests. Clones share the limits.
#[derive(Debug, Clone)]
pub(super) struct Admission {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    /// The number of permits per company; companies without one are not in the map.
    held: Arc<Mutex<HashMap<Box<str>, usize>>>,
    of_company: usize,
}

/// The permission to run one request, released on drop.
#[derive(Debug)]
pub(super) struct Permit {
    company: Box<str>,
    held: Arc<Mutex<HashMap<Box<str>, usize>>>,
    _request: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

impl Admission {
    pub(super) fn new(limits: AdmissionLimits) -> Self {
        Self {
            requests: Arc::new(Semaphore::new(limits.requests)),
            bytes: Arc::new(Semaphore::new(limits.bytes as usize)),
            held: Arc::default(),
            of_company: limits.of_company,
        }
    }

    /// Acquires a permit for a request of this many bytes, or returns `None` if a limit is reached.
    pub(super) fn acquire(&self, company: &str, bytes: usize) -> Option<Permit> {
        let bytes = u32::try_from(bytes).ok()?;
        let request = Arc::clone(&self.requests).try_acquire_owned().ok()?;
        let bytes = Arc::clone(&self.bytes).try_acquire_many_owned(bytes).ok()?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.get(company).copied().unwrap_or(0);
        if count >= self.of_company {
            return None;
        }
        held.insert(company.into(), count + 1);
        let held = Arc::clone(&self.held);
        Some(Permit { company: company.into(), held, _request: request, _bytes: bytes })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.company) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(held.remove(&self.company)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_limited_in_all_per_company_and_in_bytes() {
        let admission = Admission::new(AdmissionLimits { requests: 3, of_company: 2, bytes: 100 });
        let acme = [admission.acquire("acme", 10).unwrap(), admission.acquire("acme", 10).unwrap()];
        assert!(admission.acquire("acme", 10).is_none(), "the company has reached its limit");
        assert!(admission.acquire("globex", 81).is_none(), "too many bytes");
        let globex = admission.acquire("globex", 80).unwrap();
        assert!(admission.acquire("initech", 0).is_none(), "no permit is left");
        drop(acme);
        assert!(admission.acquire("acme", 20).is_some());
        drop(globex);
        assert!(admission.held.lock().unwrap().is_empty(), "companies without permits are removed");
    }
}
