//! Measures how soon a large company answers after the program was started.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use boarding_core::engine::LogChoice;
use serde_json::{Value, json};

use super::onboarding::{self, Job};
use super::setup::{self, BenchError, read_folder};

/// How soon a company answers in a new engine. All times begin before the opening.
#[derive(Debug, Clone)]
pub struct Opened {
    pub people: u64,
    /// Until the engine is open.
    pub open: Duration,
    /// Until the first query is answered.
    pub query: Duration,
    /// Until the first command is durable.
    pub command: Duration,
    /// As `command`, without the snapshots of companies: all events are replayed.
    pub command_without_snapshot: Duration,
    /// A plain read of the company's snapshot and of the log.
    pub plain_read: Duration,
    /// The size of the snapshot, in bytes; 0 if there is none.
    pub snapshot_bytes: u64,
}

/// Imports people into a new data folder, closes it, and measures its opening.
///
/// # Errors
/// If the engine cannot be opened, or refuses a command.
pub async fn measure(data: &Path, people: u64, add_phones: bool) -> Result<Opened, BenchError> {
    let (log, transport) = (LogChoice::Files, None);
    onboarding::measure(Job { data, log, people, add_phones, run: false, transport }).await?;
    let snapshots = data.join("derived").join("companies");
    let started = Instant::now();
    let snapshot_bytes = read_folder(&snapshots).map_err(|error| failed(&error))?;
    read_folder(&data.join("log")).map_err(|error| failed(&error))?;
    let plain_read = started.elapsed();
    let (open, query) = first_query(data).await?;
    let command = first_command(data, "first").await?;
    if snapshot_bytes > 0 {
        fs::remove_dir_all(&snapshots).map_err(|error| failed(&error))?;
    }
    let command_without_snapshot = first_command(data, "second").await?;
    Ok(Opened {
        people,
        open,
        query,
        command,
        command_without_snapshot,
        plain_read,
        snapshot_bytes,
    })
}

/// Opens the folder and asks for a page of people. Returns when it was open, and when the answer was there.
async fn first_query(data: &Path) -> Result<(Duration, Duration), BenchError> {
    let started = Instant::now();
    let engine = setup::open(data, LogChoice::Files, None)?;
    let open = started.elapsed();
    let params = [("limit".to_owned(), json!(50))].into_iter().collect();
    let company = setup::company()?;
    let answer = engine.query(&company, "users", params, &setup::caller()).await;
    let query = started.elapsed();
    engine.close().await;
    answer.map_err(|error| BenchError::Failed(format!("{error:?}")))?;
    Ok((open, query))
}

/// Opens the folder and adds a person. Returns when that was durable.
async fn first_command(data: &Path, user: &str) -> Result<Duration, BenchError> {
    let started = Instant::now();
    let engine = setup::open(data, LogChoice::Files, None)?;
    let company = setup::company()?;
    let added = setup::submit(&engine, &company, "AddUser", json!({"user": user})).await;
    let command = started.elapsed();
    engine.close().await;
    added.map(|_| command)
}

fn failed(error: &io::Error) -> BenchError {
    BenchError::Failed(error.to_string())
}

impl Opened {
    /// The result as JSON: seconds, bytes.
    pub fn as_json(&self) -> Value {
        json!({
            "people": self.people,
            "open_seconds": self.open.as_secs_f64(),
            "first_query_seconds": self.query.as_secs_f64(),
            "first_command_seconds": self.command.as_secs_f64(),
            "first_command_without_snapshot_seconds": self.command_without_snapshot.as_secs_f64(),
            "plain_read_seconds": self.plain_read.as_secs_f64(),
            "snapshot_bytes": self.snapshot_bytes,
            "peak_memory_bytes": setup::peak_memory_bytes(),
        })
    }
}

impl std::fmt::Display for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut line = |what: &str, elapsed: Duration| {
            writeln!(f, "{what:<36}{:>10.3} s", elapsed.as_secs_f64())
        };
        line("open", self.open)?;
        line("first query", self.query)?;
        line("first command", self.command)?;
        line("first command without a snapshot", self.command_without_snapshot)?;
        line("plain read of snapshot and log", self.plain_read)?;
        write!(f, "snapshot {} MiB", self.snapshot_bytes / (1024 * 1024))
    }
}
