//! Dice with a seed that can be told again, and moments spread over a span of time.

use std::time::Duration;

use boarding_engine::clock::Clock;

/// SplitMix64: small, and good enough to choose moments.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Of `BOARDING_SEED`, or of the clock. Prints the seed, which is shown when the test fails.
    pub(crate) fn thrown() -> Self {
        let asked = std::env::var("BOARDING_SEED").ok();
        let seed = asked.map_or_else(seed_of_the_clock, |text| text.parse().expect("a number"));
        eprintln!("BOARDING_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..sides`.
    pub(crate) fn throw(&mut self, sides: u64) -> u64 {
        self.next() % sides
    }

    /// A moment within a span.
    pub(crate) fn moment(&mut self, span: Duration) -> Duration {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.throw(micros.max(1)))
    }

    /// So many moments, one in each equal part of a span, in no order.
    pub(crate) fn moments(&mut self, count: usize, span: Duration) -> Vec<Duration> {
        let part = span / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        let mut moments: Vec<Duration> =
            (0..count).map(|n| part * u32::try_from(n).unwrap_or(0) + self.moment(part)).collect();
        for last in (1..moments.len()).rev() {
            let other = usize::try_from(self.throw(last as u64 + 1)).unwrap_or(0);
            moments.swap(last, other);
        }
        moments
    }
}

fn seed_of_the_clock() -> u64 {
    let id = Clock::system().id().0.0;
    u64::try_from(id & u128::from(u32::MAX)).unwrap_or(0)
}
