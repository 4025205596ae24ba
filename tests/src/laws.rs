//! The laws of the catalogue (3.8) over histories that chance writes: P1 to P23, P25, P27, P28, P31.
//!
//! A history is a list of numbers, each the seed of one step in one of two companies. P24 and P26 stand
//! beside the CSV reader (`commands/src/csv_file`), P29 beside the log (`engine/log`).

mod alphabet;
mod bodies;
mod broken;
mod files;
mod mailer;
mod steps;
mod tenant;
mod watch;
mod worker;
mod world;

mod crashes;
mod ends;
mod planted;
mod simulation;
