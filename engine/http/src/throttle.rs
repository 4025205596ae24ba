//! Limits how often a sign-in may fail, for each company and in all.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use boarding_commands::values::Time;

use crate::limits::{FAILED_SIGN_INS_MAX, FAILED_SIGN_INS_OF_COMPANY_MAX, FAILED_SIGN_INS_SECONDS};

/// Counts the attempts of the current minute. An attempt that succeeds is not counted.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<Counts>);

/// Its size is limited by the limit of all attempts.
#[derive(Debug, Default)]
struct Counts {
    began_at: Time,
    all: usize,
    companies: HashMap<Box<str>, usize>,
}

impl Throttle {
    /// Counts an attempt to sign in to a company, before it is checked.
    ///
    /// # Errors
    /// After how many seconds the next attempt is permitted.
    pub(super) fn begin(&self, company: &str, now: Time) -> Result<(), u64> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back begins a new count too.
        let age = now.seconds_since(counts.began_at);
        if age >= FAILED_SIGN_INS_SECONDS || now < counts.began_at {
            *counts = Counts { began_at: now, ..Counts::default() };
        }
        let own = counts.companies.get(company).copied().unwrap_or_default();
        if counts.all >= FAILED_SIGN_INS_MAX || own >= FAILED_SIGN_INS_OF_COMPANY_MAX {
            return Err(FAILED_SIGN_INS_SECONDS.saturating_sub(age).max(1));
        }
        counts.all += 1;
        counts.companies.insert(company.into(), own + 1);
        Ok(())
    }

    /// Takes back an attempt that has succeeded.
    pub(super) fn succeeded(&self, company: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = counts.companies.get_mut(company).filter(|own| **own > 0) {
            *own -= 1;
            counts.all = counts.all.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_attempts_are_limited_for_a_minute() {
        let (throttle, start) = (Throttle::default(), Time(1_800_000_000_000));
        for _ in 0..FAILED_SIGN_INS_OF_COMPANY_MAX {
            throttle.begin("acme", start).unwrap();
        }
        assert_eq!(throttle.begin("acme", start.plus_seconds(20)), Err(40));
        throttle.begin("globex", start).unwrap();
        throttle.begin("acme", start.plus_seconds(FAILED_SIGN_INS_SECONDS)).unwrap();
    }

    #[test]
    fn attempts_of_all_companies_are_limited_together() {
        let (throttle, now) = (Throttle::default(), Time(1_800_000_000_000));
        for n in 0..FAILED_SIGN_INS_MAX {
            throttle.begin(&format!("c{n}"), now).unwrap();
        }
        assert!(throttle.begin("other", now).is_err());
        assert_eq!(throttle.0.lock().unwrap().companies.len(), FAILED_SIGN_INS_MAX);
    }

    #[test]
    fn attempt_that_succeeds_is_not_counted() {
        let (throttle, now) = (Throttle::default(), Time(1_800_000_000_000));
        for _ in 0..3 * FAILED_SIGN_INS_MAX {
            throttle.begin("acme", now).unwrap();
            throttle.succeeded("acme");
        }
    }
}
