//! A seeded random number generator: the same numbers on every machine.

use std::time::Duration;

use boarding_core::clock::Clock;

/// SplitMix64. The seed alone determines every number that follows.
#[derive(Debug, Clone)]
pub(crate) struct SeededRandom(u64);

impl SeededRandom {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Takes the seed from `BOARDING_SEED`, or else from the clock. Prints it, so that a failure can be repeated.
    pub(crate) fn from_environment() -> Self {
        let seed = std::env::var("BOARDING_SEED").ok();
        let seed = seed.map_or_else(seed_from_clock, |text| text.parse().expect("a number"));
        eprintln!("BOARDING_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number of `0..n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n.max(1) as u64).unwrap()
    }

    /// True in one of `n` calls.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    /// Between one and `most` items, in any order, with repeats.
    pub(crate) fn pick_some(&mut self, all: &[&str], most: usize) -> Vec<String> {
        let count = 1 + self.below(most);
        (0..count).map(|_| self.pick(all).to_owned()).collect()
    }

    pub(crate) fn ulid(&mut self) -> ulid::Ulid {
        let (high, low) = (self.next(), self.next());
        ulid::Ulid((u128::from(high) << 64 | u128::from(low)) >> 1)
    }

    /// A duration shorter than `limit`, in whole microseconds.
    pub(crate) fn duration_below(&mut self, limit: Duration) -> Duration {
        let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.next() % micros.max(1))
    }

    /// One duration in each of `count` equal parts of `limit`, shuffled.
    pub(crate) fn spread_durations(&mut self, count: usize, limit: Duration) -> Vec<Duration> {
        let part = limit / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        let mut durations: Vec<Duration> = (0..count)
            .map(|n| part * u32::try_from(n).unwrap_or(0) + self.duration_below(part))
            .collect();
        for last in (1..durations.len()).rev() {
            let other = self.below(last + 1);
            durations.swap(last, other);
        }
        durations
    }
}

fn seed_from_clock() -> u64 {
    let id = Clock::system().id().0.0;
    u64::try_from(id & u128::from(u32::MAX)).unwrap_or(0)
}
