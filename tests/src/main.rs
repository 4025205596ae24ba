//! One crate, one binary: fixtures, journeys, simulation, crash tests, tidy.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "clippy knows tests by their attribute and misses the functions that help them"
)]

mod audit;
mod backup;
mod cli;
mod console;
mod crash;
mod csv_fixtures;
mod engine;
mod http;
mod import_fixtures;
mod journeys;
mod manual;
mod nats;
mod pages;
mod readme;
mod remote;
mod sample_files;
mod schema;
mod simulation;
mod smtp;
mod support;
mod tidy;
