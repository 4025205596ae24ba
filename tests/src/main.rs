//! Tests.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "clippy knows tests by their attribute and misses the functions that help them"
)]

mod cli;
mod csv_fixtures;
mod fixtures;
mod smtp;
mod support;
mod tidy;
