//! The clock: the only module that reads the time and generates ids.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use boarding_commands::values::{CommandId, Time};
use ulid::Ulid;

/// The largest jump ahead of the machine's clock that is followed at once, in milliseconds. Time servers correct
/// seconds; a larger jump may be a mistake that would end invitations for good.
const JUMP_MILLIS_MAX: i64 = 5 * 60 * 1_000;

/// How long a larger jump must last until it is followed, in milliseconds: longer than a wrong time usually does.
const JUMP_HELD_MILLIS: i64 = 15 * 60 * 1_000;

/// How far the machine's clock may be behind without a warning, in milliseconds.
const BEHIND_MILLIS_MAX: i64 = 1_000;

/// Returns the time and new ids, which never decrease. Clones share the state.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    read: Box<dyn Fn() -> Time + Send + Sync>,
    /// The uptime of the machine, in microseconds. It cannot be set, so it shows jumps of the clock.
    uptime: Option<Box<dyn Fn() -> i64 + Send + Sync>>,
    last: Mutex<Last>,
}

/// The last time and id that were returned.
struct Last {
    /// In microseconds since 1970.
    time: i64,
    /// The uptime at that time.
    uptime: i64,
    id: Ulid,
    /// The uptime at which the machine's clock was too far ahead for the first time.
    ahead_since: Option<i64>,
    is_behind: bool,
}

impl Clock {
    /// The machine's clock. A jump ahead is followed only after it has lasted. After a jump back, the time continues a
    /// little slower, until the machine's clock has caught up.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that all others ask")]
    pub fn system() -> Self {
        Self::guarded(|| Time(chrono::Utc::now().timestamp_millis()), uptime_micros)
    }

    /// A clock with another source of time, for tests.
    pub fn reading(read: impl Fn() -> Time + Send + Sync + 'static) -> Self {
        Self::of(Box::new(read), None)
    }

    /// As [`Clock::system`], with other sources of the time and of the uptime in microseconds, for tests.
    pub fn guarded(
        read: impl Fn() -> Time + Send + Sync + 'static,
        uptime: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Self {
        Self::of(Box::new(read), Some(Box::new(uptime)))
    }

    fn of(
        read: Box<dyn Fn() -> Time + Send + Sync>,
        uptime: Option<Box<dyn Fn() -> i64 + Send + Sync>>,
    ) -> Self {
        let last =
            Last { time: 0, uptime: 0, id: Ulid::nil(), ahead_since: None, is_behind: false };
        Self(Arc::new(Inner { read, uptime, last: Mutex::new(last) }))
    }

    /// The time now. It never decreases, even if the clock of the machine does.
    pub fn now(&self) -> Time {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        let read = (self.0.read)().0.saturating_mul(1_000);
        match &self.0.uptime {
            Some(uptime) if last.time != 0 => last.follow(read, uptime()),
            uptime => {
                last.time = last.time.max(read);
                last.uptime = uptime.as_ref().map_or(0, |uptime| uptime());
            }
        }
        Time(last.time / 1_000)
    }

    /// Sets the earliest time that is returned from now on: that of the last commit, because the times in a log never
    /// decrease.
    pub fn not_before(&self, time: Time) {
        let Some(uptime) = &self.0.uptime else { return };
        self.now();
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.time = last.time.max(time.0.saturating_mul(1_000));
        last.uptime = uptime();
    }

    /// A new id, greater than all before.
    #[expect(clippy::disallowed_methods, reason = "this is where ids come from")]
    pub fn id(&self) -> CommandId {
        let now = self.now();
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        let millis = u64::try_from(now.0).unwrap_or(0);
        let fresh = Ulid::from_parts(millis, Ulid::generate().random());
        last.id = if fresh > last.id { fresh } else { last.id.increment().unwrap_or(fresh) };
        CommandId(last.id)
    }
}

impl Last {
    /// Follows the machine's clock, unless it has jumped. Both are in microseconds.
    fn follow(&mut self, read: i64, uptime: i64) {
        let elapsed = (uptime - self.uptime).max(0);
        self.uptime = uptime;
        let ahead = (read - self.time - elapsed) / 1_000;
        if ahead > JUMP_MILLIS_MAX {
            let since = *self.ahead_since.get_or_insert_with(|| {
                let (seconds, minutes) = (ahead / 1_000, JUMP_HELD_MILLIS / 60_000);
                tracing::warn!(
                    seconds,
                    minutes,
                    "the machine's clock jumped ahead; it is followed after it has lasted that many minutes"
                );
                uptime
            });
            let is_held = uptime - since < JUMP_HELD_MILLIS * 1_000;
            self.time = if is_held { self.time + elapsed } else { read };
            self.ahead_since = self.ahead_since.filter(|_| is_held);
            return;
        }
        self.ahead_since = None;
        if read >= self.time {
            self.time = read;
            self.is_behind = false;
            return;
        }
        let behind = (self.time - read) / 1_000;
        if behind > BEHIND_MILLIS_MAX {
            if !self.is_behind {
                let seconds = behind / 1_000;
                tracing::warn!(
                    seconds,
                    "the machine's clock is behind the log; the time goes on from the log"
                );
            }
            self.is_behind = true;
            // The time runs a tenth slower until the machine's clock has caught up. It does not stop, so deadlines still
            // pass.
            self.time += elapsed - elapsed / 10;
        }
    }
}

/// A moment on this machine, to measure how long ago it was.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Both in microseconds.
    uptime: i64,
    time: i64,
}

impl Moment {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that all others ask")]
    pub fn now() -> Self {
        Self { uptime: uptime_micros(), time: chrono::Utc::now().timestamp_micros() }
    }

    /// The time since then, by the uptime alone: setting the machine's clock does not change it.
    pub fn uptime_since(self) -> Duration {
        micros(Self::now().uptime - self.uptime)
    }

    /// The time since then, by the uptime or by the machine's clock: the longer one. The uptime of a virtual machine does
    /// not count the time in which its host paused it, and its clock is corrected afterwards.
    pub fn longest_since(self) -> Duration {
        self.longest_until(Self::now())
    }

    fn longest_until(self, now: Self) -> Duration {
        micros((now.uptime - self.uptime).max(now.time - self.time))
    }
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// The uptime of the machine, in microseconds, including the time in which it was suspended.
fn uptime_micros() -> i64 {
    let uptime = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    uptime.tv_sec.saturating_mul(1_000_000) + uptime.tv_nsec / 1_000
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

    /// A guarded clock, and its two hands in milliseconds: the machine's clock and its uptime.
    fn guarded() -> (Clock, Arc<AtomicI64>, Arc<AtomicI64>) {
        let hands = [START, 0].map(|hand| Arc::new(AtomicI64::new(hand)));
        let [clock, uptime] = hands.clone();
        let reading = Clock::guarded(
            move || Time(clock.load(Ordering::Relaxed)),
            move || uptime.load(Ordering::Relaxed) * 1_000,
        );
        let [clock, uptime] = hands;
        assert_eq!(reading.now(), Time(START));
        (reading, clock, uptime)
    }

    const START: i64 = 1_795_248_000_000;
    const DAY: i64 = 86_400_000;

    /// Fault 20: a jump ahead for a moment changes nothing, and the time goes on during it.
    #[test]
    fn jump_ahead_is_followed_only_after_it_has_lasted() {
        let (clock, hand, uptime) = guarded();
        hand.store(START + 730 * DAY, Ordering::Relaxed);
        for passed in [1_000, 60_000, JUMP_HELD_MILLIS - 1] {
            uptime.store(passed, Ordering::Relaxed);
            assert_eq!(clock.now(), Time(START + passed));
        }
        hand.store(START + JUMP_HELD_MILLIS, Ordering::Relaxed);
        uptime.store(JUMP_HELD_MILLIS, Ordering::Relaxed);
        assert_eq!(clock.now(), Time(START + JUMP_HELD_MILLIS), "the clock is right again");

        hand.store(START + DAY, Ordering::Relaxed);
        assert_eq!(clock.now(), Time(START + JUMP_HELD_MILLIS));
        uptime.store(3 * JUMP_HELD_MILLIS, Ordering::Relaxed);
        assert_eq!(clock.now(), Time(START + DAY), "the jump has lasted");
    }

    /// Fault 20: after a jump back the time goes on and never goes back.
    #[test]
    fn time_goes_on_after_a_jump_back() {
        let (clock, hand, uptime) = guarded();
        hand.store(START - 3_600_000, Ordering::Relaxed);
        assert_eq!(clock.now(), Time(START));
        uptime.store(10_000, Ordering::Relaxed);
        hand.store(START - 3_590_000, Ordering::Relaxed);
        assert_eq!(clock.now(), Time(START + 9_000));
        hand.store(START + 20_000, Ordering::Relaxed);
        uptime.store(20_000, Ordering::Relaxed);
        assert_eq!(clock.now(), Time(START + 20_000));
    }

    #[test]
    fn paused_machine_and_set_clock_shorten_no_wait() {
        let then = Moment { uptime: 1_000, time: 1_000 };
        let until = |uptime, time| then.longest_until(Moment { uptime, time }).as_micros();
        assert_eq!(until(3_000, 3_000), 2_000);
        assert_eq!(until(1_001, 9_000), 8_000, "the host had paused the machine");
        assert_eq!(until(3_000, 0), 2_000, "the clock was set back");
    }

    /// The time of the log is the lower bound after a restart.
    #[test]
    fn time_of_the_log_is_the_lower_bound() {
        let (clock, hand, uptime) = guarded();
        clock.not_before(Time(START + 3_600_000));
        assert_eq!(clock.now(), Time(START + 3_600_000));
        uptime.store(10_000, Ordering::Relaxed);
        hand.store(START + 10_000, Ordering::Relaxed);
        assert_eq!(clock.now(), Time(START + 3_609_000));
    }
}
