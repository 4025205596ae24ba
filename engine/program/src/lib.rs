//! The program `boarding`: its command line, backups, benchmarks, sample data and the migration of logs.

pub mod backup;
pub mod bench;
pub mod cli;
pub mod migration;
pub mod sample_data;

mod limits;
