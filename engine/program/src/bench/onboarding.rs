//! Measures an import and a run of all its people.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use boarding_commands::decide::Authority;
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::values::CompanyId;
use serde_json::{Value, json};

use crate::sample_data;
use boarding_core::clock::Clock;
use boarding_core::delivery::Transport;
use boarding_core::engine::{Engine, EngineError, LogChoice, Options};
use boarding_core::queries::{QueryAnswer, QueryCaller};

/// The parameters of a measurement.
#[derive(Debug)]
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

/// Why a measurement failed.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("{command} was not accepted: {answer}")]
    NotAccepted { command: String, answer: String },
    #[error("cannot write the sample file {}", .0.display())]
    SampleFile(PathBuf, #[source] io::Error),
    #[error("the measurement failed: {0}")]
    Failed(String),
}

const SEED: u64 = 20_261_121;

/// Runs a measurement in a new data folder.
///
/// # Errors
/// If the engine cannot be opened, or refuses a command.
pub async fn measure(job: Job<'_>) -> Result<Measured, BenchError> {
    let engine = open(job.data, job.log, job.transport)?;
    let company = company()?;
    let sample = job.data.join("sample.csv");
    write_sample(&sample, job.people)
        .map_err(|error| BenchError::SampleFile(sample.clone(), error))?;
    prepare(&engine, &company, job.people).await?;
    let file =
        File::open(&sample).map_err(|error| BenchError::SampleFile(sample.clone(), error))?;
    let stored = engine.keep_file("people.csv", file);
    let stored = stored.map_err(|refusal| BenchError::Failed(refusal.to_string()))?;
    let started = Instant::now();
    let body = json!({
        "dialect": "leapxpert", "files": [{"name": stored.name, "sha256": stored.sha256}],
        "add_to_corporate_phones": job.add_phones,
    });
    submit(&engine, &company, "ImportFile", body).await?;
    engine.settle(&company).await;
    let import = started.elapsed();
    wait_for_read_models(&engine).await?;
    let import_visible = started.elapsed();
    let (mut run, mut run_visible, mut outcome) = (None, None, None);
    if job.run {
        let started = Instant::now();
        let body = json!({"source": {"import": "latest"}, "channel": "whatsapp", "mode": "confirmed", "expected_recipients": job.people});
        let confirmed = submit(&engine, &company, "StartBulkIntegration", body).await?;
        engine.settle(&company).await;
        run = Some(started.elapsed());
        wait_for_read_models(&engine).await?;
        run_visible = Some(started.elapsed());
        outcome = row(&engine, &company, &confirmed).await;
    }
    engine.close().await;
    let (people, peak_memory_bytes) = (job.people, peak_memory_bytes());
    Ok(Measured { people, import, import_visible, run, run_visible, outcome, peak_memory_bytes })
}

/// Opens the engine of a measurement.
pub(super) fn open(
    data: &Path,
    log: LogChoice,
    transport: Option<Arc<dyn Transport>>,
) -> Result<Engine, EngineError> {
    Engine::open(Options {
        data: data.to_owned(),
        log,
        transport,
        texts: None,
        adopt_runs: false,
        carries_runs: true,
        secret: None,
        clock: Clock::system(),
    })
}

/// The company of all measurements.
pub(super) fn company() -> Result<CompanyId, BenchError> {
    "bench".parse().map_err(|error| BenchError::Failed(format!("{error}")))
}

fn write_sample(path: &Path, people: u64) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    sample_data::write_csv(&mut file, SEED, people)?;
    file.flush()
}

async fn prepare(engine: &Engine, company: &CompanyId, people: u64) -> Result<(), BenchError> {
    let settings = json!({
        "bulk_integration_max_records": people.max(1), "channels": {"whatsapp": true},
        // A run by SMTP needs both.
        "link_base_url": "https://bench.example/link", "mail_from": "bench@acme.example",
    });
    submit(engine, company, "SetCompanyConfig", settings).await?;
    for role in sample_data::ROLES {
        submit(
            engine,
            company,
            "DefineRole",
            json!({"role": role, "permissions": ["bulk_integration"]}),
        )
        .await?;
    }
    for unit in sample_data::ORG_UNITS {
        submit(
            engine,
            company,
            "DefineOrgUnit",
            json!({"org_unit": unit, "roles": sample_data::ROLES}),
        )
        .await?;
    }
    Ok(())
}

pub(super) async fn submit(
    engine: &Engine,
    company: &CompanyId,
    name: &str,
    body: Value,
) -> Result<Value, BenchError> {
    let actor = Some("bench@local".to_owned());
    let envelope = Envelope { actor, ..Envelope::of(engine.clock().id(), body) };
    match engine.submit(company, name, envelope, Authority::All).await {
        Answer::Accepted { result, .. } => Ok(result),
        other => {
            let answer = serde_json::to_string(&other).unwrap_or_default();
            Err(BenchError::NotAccepted { command: name.to_owned(), answer })
        }
    }
}

async fn wait_for_read_models(engine: &Engine) -> Result<(), BenchError> {
    engine
        .caught_up()
        .await
        .map_err(|error| BenchError::Failed(format!("the read models are late: {error:?}")))
}

async fn row(engine: &Engine, company: &CompanyId, confirmed: &Value) -> Option<Value> {
    let params = [("run".to_owned(), confirmed.get("run")?.clone())].into_iter().collect();
    match engine.query(company, "run", params, &caller()).await.ok()? {
        QueryAnswer::Json(answer) => answer.get("row").cloned(),
        QueryAnswer::Csv(_) => None,
    }
}

/// The caller of the queries of measurements.
pub(super) fn caller() -> QueryCaller {
    QueryCaller { actor: String::new(), authenticated: None, authority: Authority::All }
}

/// The peak memory of this process, as the kernel reports it.
pub(super) fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
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
