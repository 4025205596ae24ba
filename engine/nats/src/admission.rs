//! Admission among the requests that are worked at: so many, of so many bytes, and no company has them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::{NATS_REQUEST_BYTES_MAX, NATS_REQUESTS_MAX, NATS_REQUESTS_OF_COMPANY_MAX};

/// How much is worked at together.
#[derive(Debug, Clone, Copy)]
pub struct AdmissionLimits {
    /// In requests.
    pub requests: usize,
    /// In requests of one company.
    pub of_company: usize,
    /// In bytes of their payloads.
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

/// The places of one engine; clones share them.
#[derive(Debug, Clone)]
pub(super) struct Admission {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    /// How many each company has; one that has none is not here.
    taken: Arc<Mutex<HashMap<Box<str>, usize>>>,
    of_company: usize,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    company: Box<str>,
    taken: Arc<Mutex<HashMap<Box<str>, usize>>>,
    _request: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

impl Admission {
    pub(super) fn new(limits: AdmissionLimits) -> Self {
        Self {
            requests: Arc::new(Semaphore::new(limits.requests)),
            bytes: Arc::new(Semaphore::new(limits.bytes as usize)),
            taken: Arc::default(),
            of_company: limits.of_company,
        }
    }

    /// A place for a request of so many bytes, if there is one.
    pub(super) fn acquire(&self, company: &str, bytes: usize) -> Option<Permit> {
        let bytes = u32::try_from(bytes).ok()?;
        let request = Arc::clone(&self.requests).try_acquire_owned().ok()?;
        let bytes = Arc::clone(&self.bytes).try_acquire_many_owned(bytes).ok()?;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.get(company).copied().unwrap_or(0);
        if count >= self.of_company {
            return None;
        }
        taken.insert(company.into(), count + 1);
        let taken = Arc::clone(&self.taken);
        Some(Permit { company: company.into(), taken, _request: request, _bytes: bytes })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.company) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.company)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_in_all_for_a_company_and_in_bytes() {
        let admission = Admission::new(AdmissionLimits { requests: 3, of_company: 2, bytes: 100 });
        let acme = [admission.acquire("acme", 10).unwrap(), admission.acquire("acme", 10).unwrap()];
        assert!(admission.acquire("acme", 10).is_none(), "a company has its share");
        assert!(admission.acquire("globex", 81).is_none(), "so many bytes do not fit");
        let globex = admission.acquire("globex", 80).unwrap();
        assert!(admission.acquire("initech", 0).is_none(), "all places are taken");
        drop(acme);
        assert!(admission.acquire("acme", 20).is_some());
        drop(globex);
        assert!(admission.taken.lock().unwrap().is_empty(), "who has none is forgotten");
    }
}
