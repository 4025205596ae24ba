//! Medians of interleaved rounds, each beside programs that do the same work without an engine.

use std::fmt;

use serde_json::{Value, json};

use super::timed::{Timed, millis};

/// The results of a bench.
#[derive(Debug, Default)]
pub struct Figures {
    comparisons: Vec<Comparison>,
    /// The peak memory of the engine's process, in bytes, after the first round and before any other program.
    pub peak_memory_bytes: Option<u64>,
}

/// The work of the engine, and the same work beside it.
#[derive(Debug)]
struct Comparison {
    /// What is counted, in the plural: rows, people, commands.
    unit: &'static str,
    engine: Series,
    beside: Vec<Series>,
}

/// The rounds of one kind of work.
#[derive(Debug)]
struct Series {
    what: String,
    rounds: Vec<Timed>,
}

impl Series {
    fn median(&self) -> Timed {
        Timed::median(self.rounds.clone())
    }

    fn as_json(&self) -> Value {
        let median = self.median();
        let [p50, p99] = [50, 99]
            .map(|percent| median.has_durations().then(|| millis(median.percentile(percent))));
        let rounds: Vec<f64> = self.rounds.iter().map(Timed::per_second).collect();
        json!({
            "what": self.what,
            "per_second": median.per_second(),
            "seconds": median.elapsed.as_secs_f64(),
            "p50_millis": p50,
            "p99_millis": p99,
            "rounds_per_second": rounds,
        })
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        let (what, median) = (format!("{indent}{}", self.what), self.median());
        write!(f, "{what:<44}{:>12}", short(median.per_second()))?;
        match median.has_durations() {
            true => {
                let [p50, p99] = [50, 99].map(|percent| millis(median.percentile(percent)));
                write!(f, "{p50:>10.2}{p99:>10.2}")
            }
            false => write!(f, "{:>10}{:>10}", "", ""),
        }
    }
}

/// A number with at least two digits that count.
fn short(number: f64) -> String {
    match number {
        _ if number >= 100.0 => format!("{number:.0}"),
        _ if number >= 0.1 => format!("{number:.2}"),
        _ => format!("{number:.5}"),
    }
}

/// The header of the lines of [`Figures`].
pub const HEADING: &str =
    "                                              per second    p50 ms    p99 ms   times this";

impl Figures {
    /// Adds a round of the engine.
    pub(super) fn engine(&mut self, what: &str, unit: &'static str, round: Timed) {
        match self.comparisons.iter_mut().find(|one| one.engine.what == what) {
            Some(known) => known.engine.rounds.push(round),
            None => {
                let engine = Series { what: what.to_owned(), rounds: vec![round] };
                self.comparisons.push(Comparison { unit, engine, beside: Vec::new() });
            }
        }
    }

    /// Adds a round of another program, which did the work of the engine that has this name. The engine's round must be
    /// there already.
    pub(super) fn beside(&mut self, engine: &str, what: &str, round: Timed) {
        let found = self.comparisons.iter_mut().find(|one| one.engine.what == engine);
        debug_assert!(found.is_some(), "no round of the engine: {engine}");
        let Some(comparison) = found else { return };
        match comparison.beside.iter_mut().find(|one| one.what == what) {
            Some(known) => known.rounds.push(round),
            None => {
                comparison.beside.push(Series { what: what.to_owned(), rounds: vec![round] });
            }
        }
    }

    /// The results as JSON, one document for each kind of work of the engine, then the memory. `ratio` is how many times
    /// faster the engine is.
    pub fn as_json(&self) -> Vec<Value> {
        let mut documents: Vec<Value> = self.comparisons.iter().map(Comparison::as_json).collect();
        let memory = |bytes| json!({"what": "memory", "peak_memory_bytes": bytes});
        documents.extend(self.peak_memory_bytes.map(memory));
        documents
    }
}

impl Comparison {
    fn ratio(&self, other: &Series) -> f64 {
        self.engine.median().per_second() / other.median().per_second().max(1e-9)
    }

    fn as_json(&self) -> Value {
        let beside = self.beside.iter().map(|one| {
            let mut document = one.as_json();
            if let Some(fields) = document.as_object_mut() {
                fields.insert("ratio".to_owned(), json!(self.ratio(one)));
            }
            document
        });
        let beside: Vec<Value> = beside.collect();
        let mut document = self.engine.as_json();
        if let Some(fields) = document.as_object_mut() {
            fields.insert("unit".to_owned(), json!(self.unit));
            fields.insert("beside".to_owned(), json!(beside));
        }
        document
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEADING)?;
        for comparison in &self.comparisons {
            writeln!(f)?;
            comparison.engine.line(f, "")?;
            for other in &comparison.beside {
                writeln!(f)?;
                other.line(f, "  ")?;
                write!(f, "{:>13}", short(comparison.ratio(other)))?;
            }
        }
        match self.peak_memory_bytes {
            Some(bytes) => write!(f, "\npeak memory {} MiB", bytes / (1024 * 1024)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ratio_is_of_the_medians_and_memory_is_last() {
        let mut figures = Figures::default();
        let round = |count| Timed::of_work(count, Duration::from_secs(1));
        for (engine, plain) in [(100, 50), (900, 10), (200, 400)] {
            figures.engine("import", "rows", round(engine));
            figures.beside("import", "plain", round(plain));
        }
        figures.peak_memory_bytes = Some(1);
        let documents = figures.as_json();
        assert_eq!(documents[0]["per_second"], 200.0);
        assert_eq!(documents[0]["beside"][0]["ratio"], 4.0);
        assert_eq!(documents[1]["peak_memory_bytes"], 1);
        assert!(figures.to_string().ends_with("peak memory 0 MiB"), "{figures}");
    }
}
