//! The clock: the only module that reads the time and generates ids.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use boarding_commands::values::{CommandId, Time};
use ulid::Ulid;

/// Returns the time and new ids, which never decrease. Clones share the state.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    read: Box<dyn Fn() -> Time + Send + Sync>,
    last: Mutex<(Time, Ulid)>,
}

impl Clock {
    /// The machine's clock.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that all others ask")]
    pub fn system() -> Self {
        Self::reading(|| Time(chrono::Utc::now().timestamp_millis()))
    }

    /// A clock with another source of time, for tests.
    pub fn reading(read: impl Fn() -> Time + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { read: Box::new(read), last: Mutex::new((Time(0), Ulid::nil())) }))
    }

    /// The time now. It never decreases, even if the clock of the machine does.
    pub fn now(&self) -> Time {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.0 = last.0.max((self.0.read)());
        last.0
    }

    /// A new id, greater than all before.
    #[expect(clippy::disallowed_methods, reason = "this is where ids come from")]
    pub fn id(&self) -> CommandId {
        let now = self.now();
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        let millis = u64::try_from(now.0).unwrap_or(0);
        let fresh = Ulid::from_parts(millis, Ulid::generate().random());
        last.1 = if fresh > last.1 { fresh } else { last.1.increment().unwrap_or(fresh) };
        CommandId(last.1)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn time_and_ids_never_go_back() {
        let hand = Arc::new(AtomicI64::new(1_000));
        let reading = Arc::clone(&hand);
        let clock = Clock::reading(move || Time(reading.load(Ordering::Relaxed)));
        let (first, id) = (clock.now(), clock.id());
        hand.store(500, Ordering::Relaxed);
        assert_eq!(clock.now(), first);
        assert!((0..1_000).all(|_| clock.id() > id));
    }
}
