//! What the benches with rounds share: their options, and how their figures are printed.

use std::fmt::Display;
use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use crate::bench::figures::Figures;
use crate::bench::onboarding::DiskSpeed;
use crate::bench::setup::BenchError;
use crate::cli::failure::{CliResult, Done, Failure, unavailable};
use crate::cli::output::Out;

#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Rounds {
    /// The number of rounds; each measures everything once, and the medians are printed
    #[arg(long, default_value_t = 3, value_name = "ROUNDS", value_parser = clap::value_parser!(u8).range(1..=99))]
    rounds: u8,
}

impl Rounds {
    pub(super) fn count(self) -> usize {
        usize::from(self.rounds)
    }
}

/// Removes the data folder of a measurement and prints its figures.
pub(super) fn print(data: &Path, measured: Result<Figures, BenchError>, out: &Out) -> CliResult {
    // A folder that cannot be removed does not change the result.
    let _ = std::fs::remove_dir_all(data);
    let figures = measured.map_err(|error| unavailable(&error))?;
    if out.is_json() {
        figures.as_json().iter().for_each(|document| out.document(document));
    } else {
        figures.to_string().lines().for_each(|line| out.line(line));
    }
    Ok(Done::Completely)
}

/// Removes the data folder of a measurement and prints the result.
pub(super) fn print_one<T: Display>(
    data: &Path,
    measured: Result<T, BenchError>,
    as_json: fn(&T) -> Value,
    out: &Out,
) -> CliResult {
    // A folder that cannot be removed does not change the result.
    let _ = std::fs::remove_dir_all(data);
    let measured = measured.map_err(|error| unavailable(&error))?;
    if out.is_json() {
        out.document(&as_json(&measured));
    } else {
        out.line(&measured.to_string());
    }
    Ok(Done::Completely)
}

/// Measures plain writes to the same disk. Their ratio to the results varies less than the results.
pub(super) fn measure_disk(folder: &Path, out: &Out) -> CliResult {
    let disk = DiskSpeed::measure(folder).map_err(|error| {
        Failure::Unavailable(format!("cannot measure in {}: {error}", folder.display()))
    })?;
    if out.is_json() {
        out.document(&json!({
            "fdatasyncs_per_second": disk.fdatasyncs_per_second,
            "durable_files_per_second": disk.durable_files_per_second,
        }));
    } else {
        out.line(&disk.to_string());
    }
    Ok(Done::Completely)
}
