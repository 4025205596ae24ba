//! The log and everything that turns: companies at work, runs, mail, read models, the program.

pub mod bench;
pub mod bus;
pub mod channel;
pub mod cli;
pub mod clock;
pub mod codec;
pub(crate) mod companies;
pub mod config;
pub mod core;
pub mod data_dir;
pub mod engine;
pub mod files;
pub mod hot;
pub mod ingest;
pub mod log;
pub mod mail;
pub mod moving;
pub mod people;
pub mod pictures;
pub mod preview;
pub mod projector;
pub mod queries;
pub mod replay;
pub mod schema;
pub mod sharing;
pub mod snapshots;
pub mod store;
pub mod token;
pub(crate) mod undo;
pub mod work;

/// An error with everything that lies behind it, in one line.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    std::iter::once(error.to_string())
        .chain(causes.map(ToString::to_string))
        .collect::<Vec<_>>()
        .join(": ")
}
