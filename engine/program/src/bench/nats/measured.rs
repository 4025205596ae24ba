//! Results of measurements, as text and as JSON.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::timed::{Timed, millis};

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
