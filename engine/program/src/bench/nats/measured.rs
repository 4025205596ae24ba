//! What was measured, for people and for programs.

use std::fmt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::BenchError;

/// Many of one thing: how long they took together, and each alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    pub took: Duration,
    /// In rising order.
    each: Vec<Duration>,
}

impl Timed {
    pub(super) fn new(took: Duration, mut each: Vec<Duration>) -> Self {
        each.sort_unstable();
        Self { took, each }
    }

    /// What these tasks measured until the last has ended.
    pub(super) async fn joined(
        begun: Instant,
        mut tasks: JoinSet<Result<Vec<Duration>, BenchError>>,
    ) -> Result<Self, BenchError> {
        let mut each = Vec::new();
        while let Some(done) = tasks.join_next().await {
            each.extend(done??);
        }
        Ok(Self::new(begun.elapsed(), each))
    }

    /// The one of middling speed.
    pub(super) fn median(mut rounds: Vec<Self>) -> Self {
        rounds.sort_unstable_by(|a, b| a.per_second().total_cmp(&b.per_second()));
        let middle = rounds.len() / 2;
        rounds.into_iter().nth(middle).unwrap_or_else(|| Self::new(Duration::ZERO, Vec::new()))
    }

    pub fn per_second(&self) -> f64 {
        self.each.len() as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// What so many of a hundred did not take longer than.
    pub fn percentile(&self, percent: usize) -> Duration {
        let at = (self.each.len() * percent / 100).min(self.each.len().saturating_sub(1));
        self.each.get(at).copied().unwrap_or_default()
    }
}

/// One thing that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub what: &'static str,
    pub in_flight: usize,
    pub timed: Timed,
    /// Its share of what raw publishing does.
    pub ratio: Option<f64>,
}

/// The heading of the lines that [`Line`] displays as.
pub const HEADING: &str =
    "                            in flight      a second   p50 ms   p99 ms  beside raw";

impl Line {
    pub(super) fn of(what: &'static str, in_flight: usize, timed: Timed) -> Self {
        Self { what, in_flight, timed, ratio: None }
    }

    /// The same for a program.
    pub fn as_json(&self) -> Value {
        json!({
            "what": self.what,
            "in_flight": self.in_flight,
            "per_second": self.timed.per_second(),
            "p50_millis": millis(self.timed.percentile(50)),
            "p99_millis": millis(self.timed.percentile(99)),
            "ratio": self.ratio,
        })
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, in_flight, timed, ratio } = self;
        let [p50, p99] = [50, 99].map(|percent| millis(timed.percentile(percent)));
        let rate = timed.per_second();
        write!(f, "{what:<28}{in_flight:>9}  {rate:>12.0}  {p50:>7.2}  {p99:>7.2}")?;
        ratio.map_or(Ok(()), |ratio| write!(f, "  {ratio:>10.2}"))
    }
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}

/// The most memory the process has had, after so many events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    pub events: u64,
    /// Until the last event was durable.
    pub import: Duration,
    /// Until the read models had seen it too.
    pub visible: Duration,
    pub bytes: u64,
}

impl Memory {
    fn rate(&self) -> f64 {
        self.events as f64 / self.import.as_secs_f64().max(1e-9)
    }

    /// The same for a program.
    pub fn as_json(&self) -> Value {
        json!({
            "what": "memory",
            "events": self.events,
            "import_seconds": self.import.as_secs_f64(),
            "import_visible_seconds": self.visible.as_secs_f64(),
            "events_per_second": self.rate(),
            "peak_memory_bytes": self.bytes,
        })
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (events, rate, mib) = (self.events, self.rate(), self.bytes / (1024 * 1024));
        let (took, visible) = (self.import.as_secs_f64(), self.visible.as_secs_f64());
        write!(
            f,
            "import of {events} events: {took:.1} s, {rate:.0} a second; {visible:.1} s until the read \
             models had them; peak memory {mib} MiB"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(seconds: u64, millis: &[u64]) -> Timed {
        let each = millis.iter().map(|millis| Duration::from_millis(*millis)).collect();
        Timed::new(Duration::from_secs(seconds), each)
    }

    #[test]
    fn percentiles_are_of_what_each_took_and_the_rate_is_of_all() {
        let all: Vec<u64> = (1..=200).rev().collect();
        let timed = timed(4, &all);
        assert_eq!(timed.percentile(50), Duration::from_millis(101));
        assert_eq!(timed.percentile(99), Duration::from_millis(199));
        assert_eq!(timed.percentile(100), Duration::from_millis(200));
        assert!((timed.per_second() - 50.0).abs() < 1e-9);
    }

    #[test]
    fn the_median_is_that_of_the_rates() {
        let rounds = vec![timed(9, &[1]), timed(1, &[2]), timed(2, &[3])];
        assert_eq!(Timed::median(rounds), timed(2, &[3]));
        assert_eq!(Timed::median(Vec::new()).percentile(99), Duration::ZERO);
    }
}
