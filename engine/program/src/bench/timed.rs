//! The duration of a measurement, and of each of its requests.

use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinSet};

/// The duration of each of many requests, and of the whole measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    pub elapsed: Duration,
    /// How many things were done: requests, rows, people or events.
    pub count: u64,
    /// The durations of the requests, shortest first. Empty where they were not measured one by one.
    durations: Vec<Duration>,
}

impl Timed {
    /// Each duration is one request.
    pub(super) fn new(elapsed: Duration, mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        Self { elapsed, count: durations.len() as u64, durations }
    }

    /// Work that was measured as a whole.
    pub(super) fn of_work(count: u64, elapsed: Duration) -> Self {
        Self { elapsed, count, durations: Vec::new() }
    }

    /// The same, where the requests did this many things together.
    pub(super) fn counting(self, count: u64) -> Self {
        Self { count, ..self }
    }

    /// Waits until all tasks have ended, and collects their durations.
    ///
    /// # Errors
    /// The first error of a task.
    pub(super) async fn joined<E: From<JoinError> + 'static>(
        started: Instant,
        mut tasks: JoinSet<Result<Vec<Duration>, E>>,
    ) -> Result<Self, E> {
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
        rounds.into_iter().nth(middle).unwrap_or_else(|| Self::of_work(0, Duration::ZERO))
    }

    /// The number of things done per second.
    pub fn per_second(&self) -> f64 {
        self.count as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Whether the requests were measured one by one.
    pub fn has_durations(&self) -> bool {
        !self.durations.is_empty()
    }

    /// The duration that this percentage of the requests did not exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        let index =
            (self.durations.len() * percent / 100).min(self.durations.len().saturating_sub(1));
        self.durations.get(index).copied().unwrap_or_default()
    }
}

/// The milliseconds of a duration.
pub(super) fn millis(elapsed: Duration) -> f64 {
    elapsed.as_secs_f64() * 1_000.0
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
        assert!((timed.counting(400).per_second() - 100.0).abs() < 1e-9);
    }

    #[test]
    fn median_is_the_round_with_the_median_rate() {
        let rounds = vec![timed(9, &[1]), timed(1, &[2]), timed(2, &[3])];
        assert_eq!(Timed::median(rounds), timed(2, &[3]));
        assert_eq!(Timed::median(Vec::new()).percentile(99), Duration::ZERO);
    }
}
