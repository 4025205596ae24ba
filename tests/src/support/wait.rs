//! Waiting for what another process does.

use std::time::{Duration, Instant};

/// How long a condition may take. A passing test waits much shorter.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The pause between two checks of a condition.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Repeats a check until it returns a value, and returns that value. Panics with `what` after 60 seconds.
pub(crate) async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + TIMEOUT;
    let mut interval = tokio::time::interval(POLL_INTERVAL);
    loop {
        interval.tick().await;
        if let Some(value) = check().await {
            return value;
        }
        assert!(Instant::now() < deadline, "timed out waiting until {what}");
    }
}

/// As [`eventually`], in a test without an async runtime.
pub(crate) fn wait_until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(eventually(what, async || check()))
}

/// Measures the machine's time, also while the simulated time stands still.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
