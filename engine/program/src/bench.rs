//! Benchmarks of the program.

pub mod companies;
pub mod figures;
pub mod lists;
pub mod log;
pub mod nats;
pub mod onboarding;
pub mod opening;
pub mod places;
pub mod postgres;
pub mod replay;
pub mod serve;
pub mod setup;
pub mod smtp;
pub mod versus;

mod raw_file;
mod requests;
mod timed;
