//! The command line against a running engine: it prints the same as on a data folder.

mod errors;
mod folder_or_engine;
mod permissions;
mod reads;
mod runs;
mod same;
mod writes;
