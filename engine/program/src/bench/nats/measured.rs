//! Results of measurements, as text and as JSON.

use std::fmt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::job::BenchError;

/// The duration of each of many requests, and of the whole measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    pub elapsed: Duration,
    /// The durations of the requests, shortest first.
    durations: Vec<Duration>,
}

impl Timed {
    pub(super) fn new(elapsed: Duration, mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        Self { elapsed, durations }
    }

    /// Waits until all tasks have ended, and collects their durations.
    pub(crate) async fn joined(
        started: Instant,
        mut tasks: JoinSet<Result<Vec<Duration>, BenchError>>,
    ) -> Result<Self, BenchError> {
        let mut durations = Vec::new();
        while let Some(done) = tasks.join_next().await {
            durations.extend(done??);
        }
        Ok(Self::new(started.elapsed(), durations))
    }

    /// The round whose rate is the median of all rounds.
    pub(super) fn median(mut rounds: Vec<Self>) -> Self {
        rounds.sort_unstable_by(|a, b| a.per_second().total_cmp(&b.per_second()));
        let middle = rounds.len() / 2;
        rounds.into_iter().nth(middle).unwrap_or_else(|| Self::new(Duration::ZERO, Vec::new()))
    }

    /// The number of requests per second.
    pub fn per_second(&self) -> f64 {
        self.durations.len() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// The duration that this percentage of the requests did not exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        let index =
            (self.durations.len() * percent / 100).min(self.durations.len().saturating_sub(1));
        self.durations.get(index).copied().unwrap_or_default()
    }
}

/// The result of one measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub what: &'static str,
    pub in_flight: usize,
    pub timed: Timed,
    /// The rate as a share of the rate of raw publishing.
    pub ratio: Option<f64>,
}

/// The header of the lines of [`Line`].
pub const HEADING: &str =
    "                            in flight    per second   p50 ms   p99 ms  beside raw";

impl Line {
    pub(crate) fn of(what: &'static str, in_flight: usize, timed: Timed) -> Self {
        Self { what, in_flight, timed, ratio: None }
    }

    /// The result as JSON.
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

fn millis(elapsed: Duration) -> f64 {
    elapsed.as_secs_f64() * 1_000.0
}

/// The peak memory of the process after an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    pub events: u64,
    /// From the command until the last event was durable.
    pub import: Duration,
    /// From the command until the read models had all rows.
    pub visible: Duration,
    pub bytes: u64,
}

impl Memory {
    fn rate(&self) -> f64 {
        self.events as f64 / self.import.as_secs_f64().max(1e-9)
    }

    /// The result as JSON.
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
        let (elapsed, visible) = (self.import.as_secs_f64(), self.visible.as_secs_f64());
        write!(
            f,
            "import of {events} events: {elapsed:.1} s, {rate:.0} per second; {visible:.1} s until the read \
             models had all rows; peak memory {mib} MiB"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(seconds: u64, millis: &[u64]) -> Timed {
        let durations = millis.iter().map(|millis| Duration::from_millis(*millis)).collect();
        Timed::new(Duration::from_secs(seconds), durations)
    }

    #[test]
    fn percentiles_use_each_duration_and_the_rate_uses_the_total() {
        let all: Vec<u64> = (1..=200).rev().collect();
        let timed = timed(4, &all);
        assert_eq!(timed.percentile(50), Duration::from_millis(101));
        assert_eq!(timed.percentile(99), Duration::from_millis(199));
        assert_eq!(timed.percentile(100), Duration::from_millis(200));
        assert!((timed.per_second() - 50.0).abs() < 1e-9);
    }

    #[test]
    fn median_is_the_round_with_the_median_rate() {
        let rounds = vec![timed(9, &[1]), timed(1, &[2]), timed(2, &[3])];
        assert_eq!(Timed::median(rounds), timed(2, &[3]));
        assert_eq!(Timed::median(Vec::new()).percentile(99), Duration::ZERO);
    }
}
