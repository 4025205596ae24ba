//! Crashes of the real process: killed at any instant and started again, it has lost nothing, mailed
//! nobody twice, and goes on.
//!
//! The moments are random: a failing test prints its seed, and `BOARDING_SEED` repeats its moments.
//! `BOARDING_CRASHES=50` kills more often, `BOARDING_MILLION=1` imports a million rows, and
//! `BOARDING_PROGRAM` names another build of the program.

mod acknowledged;
mod history;
mod import;
mod lost_file;
mod mails;
mod opening;
mod place;
mod program;
mod refused;
mod run;
mod smtp;

/// How often a process is killed in the ordinary run of the tests.
const CRASHES: usize = 12;

/// How often a process is killed, at least, where the moments are many.
fn crashes() -> usize {
    let asked = std::env::var("BOARDING_CRASHES").ok();
    asked.map_or(CRASHES, |text| text.parse().expect("BOARDING_CRASHES is a number"))
}
