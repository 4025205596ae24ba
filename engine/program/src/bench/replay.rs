//! Measures how fast a log is verified, and how fast all read models are built from it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boarding_projections::rows::MemoryRows;

use super::figures::Figures;
use super::onboarding;
use super::setup::{self, BenchError, read_folder};
use super::timed::Timed;
use boarding_core::delivery::null::NullTransport;
use boarding_core::engine::LogChoice;
use boarding_log::EventLog as _;
use boarding_log::file::{self, FileLog};

/// The parameters of a measurement.
#[derive(Debug)]
pub struct Job<'a> {
    /// A new data folder.
    pub data: &'a Path,
    /// The people who are imported with phones and invited once. Each has about five events.
    pub people: u64,
    pub rounds: usize,
}

/// The names of the engine's figures.
const VERIFY: &str = "verify, all hashes";
const READ_MODELS: &str = "open, and build all read models";
const BOTH: &str = "verify, open, and build all read models";

/// Makes a log, and measures the rounds on it. `say` gets a line about each step.
///
/// # Errors
/// If the engine cannot be opened, refuses a command, or the log cannot be verified.
pub async fn measure(job: &Job<'_>, mut say: impl FnMut(&str)) -> Result<Figures, BenchError> {
    say("a new log: an import with phones, and a run of everybody");
    onboarding::measure(onboarding::Job {
        data: job.data,
        log: LogChoice::Files,
        people: job.people,
        add_phones: true,
        run: true,
        transport: Some(Arc::new(NullTransport)),
    })
    .await?;
    let log = job.data.join("log");
    let mut figures = Figures::default();
    for round in 1..=job.rounds {
        say(&format!("round {round} of {}: verify", job.rounds));
        let read = plain_read(&log)?;
        let (verify, events) = verified(&log)?;
        say(&format!("round {round} of {}: build all read models", job.rounds));
        let read_models = read_models(job.data).await?;
        figures.peak_memory_bytes.get_or_insert_with(setup::peak_memory_bytes);
        say(&format!("round {round} of {}: apply the events in memory only", job.rounds));
        let in_memory = applied_in_memory(&log)?;
        let timed = |elapsed| Timed::of_work(events, elapsed);
        let all = [(VERIFY, verify), (READ_MODELS, read_models), (BOTH, verify + read_models)];
        for (what, elapsed) in all {
            figures.engine(what, "events", timed(elapsed));
        }
        let (plain, alone) = ("a plain read of the log", "the events applied in memory only");
        figures.beside(VERIFY, plain, timed(read));
        figures.beside(READ_MODELS, plain, timed(read));
        figures.beside(READ_MODELS, alone, timed(in_memory));
        figures.beside(BOTH, plain, timed(read));
        figures.beside(BOTH, alone, timed(in_memory));
    }
    Ok(figures)
}

fn plain_read(log: &Path) -> Result<Duration, BenchError> {
    let started = Instant::now();
    read_folder(log).map_err(|error| BenchError::File(log.to_owned(), error))?;
    Ok(started.elapsed())
}

/// Verifies the log as the move of a log does. Returns also the number of its positions: one for each event.
fn verified(log: &Path) -> Result<(Duration, u64), BenchError> {
    let started = Instant::now();
    let checked = tokio::task::block_in_place(|| file::verify(log))?;
    Ok((started.elapsed(), checked.end))
}

/// Opens the folder without its derived data, until the read models have applied all events.
async fn read_models(data: &Path) -> Result<Duration, BenchError> {
    let derived = data.join("derived");
    fs::remove_dir_all(&derived).map_err(|error| BenchError::File(derived, error))?;
    let started = Instant::now();
    let engine = setup::open(data, LogChoice::Files, Some(Arc::new(NullTransport)))?;
    setup::wait_for_read_models(&engine).await?;
    let elapsed = started.elapsed();
    engine.close().await;
    Ok(elapsed)
}

/// Reads the log and applies its events to rows in memory, which no program could query after its end.
fn applied_in_memory(log: &Path) -> Result<Duration, BenchError> {
    let options = file::Options::new(boarding_commands::values::Time(0));
    let log = FileLog::open(log, options)?.log;
    let started = Instant::now();
    tokio::task::block_in_place(|| {
        let (mut reader, mut rows) = (log.read_all(1), MemoryRows::default());
        while let Some(entry) = reader.next()? {
            for recorded in entry.recorded.events() {
                boarding_projections::apply(&recorded, &mut rows)
                    .map_err(|error| BenchError::Failed(error.to_string()))?;
            }
        }
        Ok(started.elapsed())
    })
}
