//! Measures an import and a run of all its people.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boarding_commands::values::CompanyId;
use serde_json::{Value, json};

use super::setup::{
    BenchError, SEED, caller, company, import, invite, keep_sample, open, peak_memory_bytes,
    prepare, wait_for_read_models,
};
use boarding_core::delivery::Transport;
use boarding_core::engine::{Engine, LogChoice};
use boarding_core::queries::QueryAnswer;

/// The parameters of a measurement.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// A new data folder.
    pub data: &'a Path,
    pub log: LogChoice,
    pub people: u64,
    pub add_phones: bool,
    /// Whether a run follows the import.
    pub run: bool,
    /// The transport of the mails; without one it is the outbox in the data folder.
    pub transport: Option<Arc<dyn Transport>>,
}

/// The result of a measurement.
#[derive(Debug, Clone)]
pub struct Measured {
    pub people: u64,
    /// From the command until the last row was durable, including the check of the file.
    pub import: Duration,
    /// From the command until the read models had all rows.
    pub import_visible: Duration,
    /// From the confirmation until the last outcome was durable.
    pub run: Option<Duration>,
    pub run_visible: Option<Duration>,
    /// The row of the query `run` at the end.
    pub outcome: Option<Value>,
    /// The peak memory of the process, in bytes.
    pub peak_memory_bytes: u64,
}

/// Runs a measurement in a new data folder.
///
/// # Errors
/// If the engine cannot be opened, or refuses a command.
pub async fn measure(job: Job<'_>) -> Result<Measured, BenchError> {
    let engine = open(job.data, job.log, job.transport)?;
    let company = company()?;
    prepare(&engine, &company, job.people).await?;
    let file = keep_sample(&engine, &job.data.join("sample.csv"), SEED, job.people)?;
    let started = Instant::now();
    import(&engine, &company, &file, job.add_phones).await?;
    let import = started.elapsed();
    wait_for_read_models(&engine).await?;
    let import_visible = started.elapsed();
    let (mut run, mut run_visible, mut outcome) = (None, None, None);
    if job.run {
        let started = Instant::now();
        let confirmed = invite(&engine, &company, job.people).await?;
        run = Some(started.elapsed());
        wait_for_read_models(&engine).await?;
        run_visible = Some(started.elapsed());
        outcome = row(&engine, &company, &confirmed).await;
    }
    engine.close().await;
    let (people, peak_memory_bytes) = (job.people, peak_memory_bytes());
    Ok(Measured { people, import, import_visible, run, run_visible, outcome, peak_memory_bytes })
}

async fn row(engine: &Engine, company: &CompanyId, confirmed: &Value) -> Option<Value> {
    let params = [("run".to_owned(), confirmed.get("run")?.clone())].into_iter().collect();
    match engine.query(company, "run", params, &caller()).await.ok()? {
        QueryAnswer::Json(answer) => answer.value().get("row").cloned(),
        QueryAnswer::Csv(_) => None,
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |what: &str, elapsed: Duration| {
            let rate = self.people as f64 / elapsed.as_secs_f64().max(1e-9);
            writeln!(f, "{what:<28}{:>10.3} s {rate:>12.0} per second", elapsed.as_secs_f64())
        };
        line("import, durable", self.import)?;
        line("import, in the read models", self.import_visible)?;
        if let (Some(run), Some(visible)) = (self.run, self.run_visible) {
            line("run, durable", run)?;
            line("run, in the read models", visible)?;
        }
        if let Some(outcome) = &self.outcome {
            let of = |name: &str| outcome.get(name).map(ToString::to_string).unwrap_or_default();
            writeln!(
                f,
                "invited {} · skipped {} · failed {}",
                of("passed"),
                of("skipped"),
                of("failed")
            )?;
        }
        write!(f, "peak memory {} MiB", self.peak_memory_bytes / (1024 * 1024))
    }
}

impl Measured {
    /// The median of each duration, of two the shorter one. The memory is that of the first round, because the kernel keeps only the peak.
    pub(super) fn median(rounds: Vec<Self>) -> Option<Self> {
        let median = |of: fn(&Self) -> Duration| {
            let mut all: Vec<Duration> = rounds.iter().map(of).collect();
            all.sort_unstable();
            all.get(all.len().saturating_sub(1) / 2).copied().unwrap_or_default()
        };
        let import = median(|round| round.import);
        let import_visible = median(|round| round.import_visible);
        let run = median(|round| round.run.unwrap_or_default());
        let run_visible = median(|round| round.run_visible.unwrap_or_default());
        let first = rounds.into_iter().next()?;
        Some(Self {
            import,
            import_visible,
            run: first.run.map(|_| run),
            run_visible: first.run_visible.map(|_| run_visible),
            ..first
        })
    }

    /// The result as JSON: seconds, people per second, bytes.
    pub fn as_json(&self) -> Value {
        let rate = |elapsed: Duration| self.people as f64 / elapsed.as_secs_f64().max(1e-9);
        json!({
            "people": self.people,
            "import_seconds": self.import.as_secs_f64(),
            "import_visible_seconds": self.import_visible.as_secs_f64(),
            "rows_per_second": rate(self.import),
            "run_seconds": self.run.map(|elapsed| elapsed.as_secs_f64()),
            "run_visible_seconds": self.run_visible.map(|elapsed| elapsed.as_secs_f64()),
            "recipients_per_second": self.run.map(rate),
            "outcome": self.outcome,
            "peak_memory_bytes": self.peak_memory_bytes,
        })
    }
}

/// The speed of the disk for plain writes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DiskSpeed {
    /// Small appends to one file, each synced before the next.
    pub fdatasyncs_per_second: f64,
    /// New files of the size of a mail, each synced before the next.
    pub durable_files_per_second: f64,
}

/// The duration of each of the two measurements.
const DISK_SPEED_DURATION: Duration = Duration::from_millis(500);
/// The typical size of an invitation as a file, in bytes.
const MAIL_BYTES: usize = 2_500;

impl DiskSpeed {
    /// Measures in this folder and removes the files.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn measure(folder: &Path) -> io::Result<Self> {
        let path = folder.join("disk-speed");
        let mut file = File::create(&path)?;
        let fdatasyncs_per_second = rate(|_| {
            file.write_all(&[0x42; 300])?;
            file.sync_data()
        })?;
        std::fs::remove_file(&path)?;
        std::fs::create_dir_all(&path)?;
        let durable_files_per_second = rate(|n| {
            let mut file = File::create(path.join(n.to_string()))?;
            file.write_all(&[0x42; MAIL_BYTES])?;
            file.sync_all()
        })?;
        std::fs::remove_dir_all(&path)?;
        Ok(Self { fdatasyncs_per_second, durable_files_per_second })
    }
}

fn rate(mut once: impl FnMut(u64) -> io::Result<()>) -> io::Result<f64> {
    let (started, mut done) = (Instant::now(), 0u64);
    while started.elapsed() < DISK_SPEED_DURATION {
        once(done)?;
        done += 1;
    }
    Ok(done as f64 / started.elapsed().as_secs_f64())
}

impl fmt::Display for DiskSpeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fdatasyncs_per_second, durable_files_per_second } = self;
        write!(
            f,
            "this disk, for comparison: {fdatasyncs_per_second:.0} fdatasyncs per second, \
            {durable_files_per_second:.0} synced files of a mail's size per second"
        )
    }
}
