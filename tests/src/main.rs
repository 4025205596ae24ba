//! Tests.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy knows tests by their attribute and misses the functions that help them"
)]

mod crash;
mod csv_fixtures;
mod fixtures;
mod smoke;
mod smtp;
mod support;
mod tidy;
