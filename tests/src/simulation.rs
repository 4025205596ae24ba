//! Random histories of two companies, checked against the invariants P1 to P31.
//!
//! Each number of a history is the seed of one step in one company. P24 and P26 are tested beside the CSV
//! reader, P29 beside the log.

mod checkers;
mod command_bodies;
mod company;
mod csv_files;
mod environment;
mod mailer;
mod sample_values;
mod simulator;
mod steps;
mod violation;
mod worker;

mod checker_tests;
mod crash_recovery;
mod final_checks;
mod histories;
mod order_of_rows;
