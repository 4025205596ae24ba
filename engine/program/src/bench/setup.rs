//! What all benches share: an engine in a new folder, the sample company, its import and its run.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use boarding_commands::decide::Authority;
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::event::FileRef;
use boarding_commands::values::CompanyId;
use serde_json::{Value, json};

use super::postgres::PostgresError;
use crate::sample_data;
use boarding_core::clock::Clock;
use boarding_core::delivery::Transport;
use boarding_core::engine::{Engine, EngineError, LogChoice, Options};
use boarding_core::queries::QueryCaller;
use boarding_log::ReadError;
use boarding_log::connect::ConnectError;
use boarding_log::file::OpenError;
use boarding_nats::server::ServeError;

/// The seed of the sample people.
pub(super) const SEED: u64 = 20_261_121;

/// Why a measurement failed.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("{command} was not accepted: {answer}")]
    NotAccepted { command: String, answer: String },
    #[error("cannot write the sample file {}", .0.display())]
    SampleFile(PathBuf, #[source] io::Error),
    #[error("cannot use {}", .0.display())]
    File(PathBuf, #[source] io::Error),
    #[error("cannot open or verify the measured log")]
    OpenLog(#[from] OpenError),
    #[error("cannot read the measured log")]
    Read(#[from] ReadError),
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("a task of the bench failed")]
    Join(#[from] tokio::task::JoinError),
    #[error("the measurement failed: {0}")]
    Failed(String),
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
        link_page: None,
        secret: None,
        clock: Clock::system(),
    })
}

/// The company of all measurements.
pub(super) fn company() -> Result<CompanyId, BenchError> {
    "bench".parse().map_err(|error| BenchError::Failed(format!("{error}")))
}

/// Writes a file of the first people of a seed, and keeps it in the engine.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn keep_sample(
    engine: &Engine,
    path: &Path,
    seed: u64,
    people: u64,
) -> Result<FileRef, BenchError> {
    let failed = |error| BenchError::SampleFile(path.to_owned(), error);
    write_sample(path, seed, people).map_err(failed)?;
    let file = File::open(path).map_err(failed)?;
    let kept = engine.keep_file("people.csv", file);
    kept.map_err(|refusal| BenchError::Failed(refusal.to_string()))
}

/// Writes a file of the first people of a seed.
pub(super) fn write_sample(path: &Path, seed: u64, people: u64) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    sample_data::write_csv(&mut file, seed, people)?;
    file.flush()
}

/// Imports a kept file, until the last row is durable.
pub(super) async fn import(
    engine: &Engine,
    company: &CompanyId,
    file: &FileRef,
    add_phones: bool,
) -> Result<(), BenchError> {
    let body = json!({
        "dialect": "leapxpert", "files": [{"name": file.name, "sha256": file.sha256}],
        "add_to_corporate_phones": add_phones,
    });
    submit(engine, company, "ImportFile", body).await?;
    engine.settle(company).await;
    Ok(())
}

/// Invites all people of the newest import, until the last outcome is durable. Returns the result of the command.
pub(super) async fn invite(
    engine: &Engine,
    company: &CompanyId,
    people: u64,
) -> Result<Value, BenchError> {
    let body = json!({
        "source": {"import": "latest"}, "channel": "whatsapp", "mode": "confirmed",
        "expected_recipients": people,
    });
    let confirmed = submit(engine, company, "StartBulkIntegration", body).await?;
    engine.settle(company).await;
    Ok(confirmed)
}

/// Defines what the people of a sample file need: the channel, their roles and their org units.
pub(super) async fn prepare(
    engine: &Engine,
    company: &CompanyId,
    people: u64,
) -> Result<(), BenchError> {
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

/// Submits a command that must be accepted. Returns its result.
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

/// Waits until the read models have applied the whole log.
pub(super) async fn wait_for_read_models(engine: &Engine) -> Result<(), BenchError> {
    engine
        .caught_up()
        .await
        .map_err(|error| BenchError::Failed(format!("the read models are late: {error:?}")))
}

/// Reads the files of a folder. Returns their bytes; 0 if there is no folder.
pub(super) fn read_folder(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    for entry in entries {
        bytes += fs::read(entry?.path())?.len() as u64;
    }
    Ok(bytes)
}

/// The caller of the queries of measurements.
pub(super) fn caller() -> QueryCaller {
    QueryCaller { actor: String::new(), authenticated: None, authority: Authority::All }
}

/// The peak memory of this process, as the kernel reports it.
pub(super) fn peak_memory_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
