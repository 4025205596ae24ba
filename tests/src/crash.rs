//! Kills the real process at random times, restarts it, and checks its data.
//!
//! A failing test prints its seed; `BOARDING_SEED` repeats the kills of that seed. `BOARDING_CRASHES=50`
//! kills more often, `BOARDING_MILLION=1` imports a million rows, and `BOARDING_PROGRAM` names another build
//! of the program.

mod acknowledged;
mod damage;
mod history;
mod import;
mod log_failure;
mod mails;
mod missing_file;
mod opening;
mod pictures;
mod process;
mod read_models;
mod run;
mod sample_folder;
mod smtp;

/// How often a test kills a process by default.
const CRASHES: usize = 8;

/// How often a test kills a process: `BOARDING_CRASHES`, or the default.
fn crashes() -> usize {
    let count = std::env::var("BOARDING_CRASHES").ok();
    count.map_or(CRASHES, |text| text.parse().expect("BOARDING_CRASHES is a number"))
}
