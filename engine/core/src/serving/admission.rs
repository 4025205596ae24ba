//! Admission control: places for running commands, running queries and waiting queries, shared by companies.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limits::{REQUEST_BYTES_MAX, REQUESTS_MAX, WAITING_QUERIES_MAX};

/// The limits of requests at the same time.
#[derive(Debug, Clone, Copy)]
pub struct AdmissionLimits {
    /// The most running commands, and the most running queries.
    pub requests: usize,
    /// The most payload bytes of commands, and of queries.
    pub bytes: usize,
    /// The most queries that wait for a position of the log.
    pub waiting: usize,
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self { requests: REQUESTS_MAX, bytes: REQUEST_BYTES_MAX, waiting: WAITING_QUERIES_MAX }
    }
}

/// The places of each kind of request: requests of one kind take no place from those of another.
#[derive(Debug)]
pub struct Admission {
    pub commands: Places,
    pub queries: Places,
    pub waiting: Places,
}

impl Admission {
    pub fn new(limits: AdmissionLimits) -> Self {
        let AdmissionLimits { requests, bytes, waiting } = limits;
        Self {
            commands: Places::new(requests, bytes),
            queries: Places::new(requests, bytes),
            waiting: Places::new(waiting, bytes),
        }
    }
}

/// Places that companies share. A company may hold as many as are free: alone it gets half of them, and of n busy
/// companies each gets one part of n + 1. So a place is always free for a company that has none. Clones share the
/// places.
#[derive(Debug, Clone)]
pub struct Places(Arc<Mutex<Held>>);

#[derive(Debug)]
struct Held {
    free: Share,
    /// What each company holds; companies without a place are not in the map.
    companies: HashMap<Box<str>, Share>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Share {
    places: usize,
    bytes: usize,
}

/// A place of a request, released on drop.
#[derive(Debug)]
pub struct Place {
    of: Places,
    company: Box<str>,
    bytes: usize,
}

impl Places {
    pub fn new(places: usize, bytes: usize) -> Self {
        let free = Share { places, bytes };
        Self(Arc::new(Mutex::new(Held { free, companies: HashMap::new() })))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Acquires a place for a request of this many bytes, or returns `None` if the company holds its share.
    pub fn acquire(&self, company: &str, bytes: usize) -> Option<Place> {
        let mut held = self.held();
        let own = held.companies.get(company).copied().unwrap_or_default();
        if own.places >= held.free.places || own.bytes + bytes > held.free.bytes {
            return None;
        }
        held.free.places -= 1;
        held.free.bytes -= bytes;
        let own = Share { places: own.places + 1, bytes: own.bytes + bytes };
        held.companies.insert(company.into(), own);
        Some(Place { of: self.clone(), company: company.into(), bytes })
    }
}

impl Place {
    /// The same request's place among other places. Releases this one.
    pub fn swap(self, others: &Places) -> Option<Self> {
        others.acquire(&self.company, self.bytes)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.of.held();
        held.free.places += 1;
        held.free.bytes += self.bytes;
        let Some(own) = held.companies.get_mut(&self.company) else { return };
        own.places -= 1;
        own.bytes -= self.bytes;
        if own.places == 0 {
            held.companies.remove(&self.company);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Acquires places for the companies in turn, until none gets one. Returns how many each has.
    fn fill(places: &Places, companies: &[&str]) -> (Vec<usize>, Vec<Place>) {
        let mut all = Vec::new();
        loop {
            let more: Vec<Place> =
                companies.iter().filter_map(|company| places.acquire(company, 1)).collect();
            if more.is_empty() {
                let of =
                    |name: &&str| all.iter().filter(|it: &&Place| &*it.company == *name).count();
                return (companies.iter().map(of).collect(), all);
            }
            all.extend(more);
        }
    }

    #[test]
    fn busy_companies_leave_a_share_for_one_more() {
        for (companies, expected) in
            [(vec!["a"], 60), (vec!["a", "b"], 40), (vec!["a", "b", "c"], 30)]
        {
            let places = Places::new(120, 120);
            let (held, all) = fill(&places, &companies);
            assert!(held.iter().all(|count| count.abs_diff(expected) <= 1), "{held:?}");
            assert!(places.held().free.places >= expected - 1);
            let small = places.acquire("small", 1);
            assert!(small.is_some(), "a company without a place gets one");
            drop((all, small));
            assert_eq!(places.held().free, Share { places: 120, bytes: 120 });
            assert!(places.held().companies.is_empty());
        }
    }

    #[test]
    fn bytes_are_shared_as_places_are() {
        let places = Places::new(10, 100);
        let large = places.acquire("acme", 50).unwrap();
        assert!(places.acquire("acme", 1).is_none(), "the company has half of the bytes");
        assert!(places.acquire("globex", 51).is_none(), "too many bytes");
        assert!(places.acquire("globex", 25).is_some());
        drop(large);
        assert!(places.acquire("acme", 100).is_some());
    }

    #[test]
    fn waiting_query_holds_no_place_of_running_requests() {
        let admission = Admission::new(AdmissionLimits { requests: 1, bytes: 10, waiting: 1 });
        let query = admission.queries.acquire("acme", 1).unwrap();
        assert!(admission.queries.acquire("globex", 1).is_none());
        let waiting = query.swap(&admission.waiting).unwrap();
        let other = admission.queries.acquire("globex", 1).unwrap();
        assert!(other.swap(&admission.waiting).is_none(), "no more may wait");
        assert!(admission.commands.acquire("acme", 1).is_some());
        assert!(waiting.swap(&admission.queries).is_some());
    }
}
