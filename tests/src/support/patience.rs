//! Waiting for what another process does: asked again and again, and given up after a while.

use std::time::{Duration, Instant};

/// How long the other may take. It is never waited for when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is asked.
const EVERY: Duration = Duration::from_millis(20);

/// Asks until there is an answer.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    let mut again = tokio::time::interval(EVERY);
    loop {
        again.tick().await;
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
    }
}

/// How long something takes: to be told, not to be judged.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
