//! Tests.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "clippy knows tests by their attribute and misses the functions that help them"
)]

mod csv_fixtures;
mod engine;
mod fixtures;
mod smoke;
mod smtp;
mod support;
mod tidy;
