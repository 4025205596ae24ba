//! The log and everything that turns: companies at work, runs, mail, read models, the program.

pub mod channel;
pub mod clock;
pub mod codec;
pub mod data_dir;
pub mod log;
pub mod mail;
pub mod people;
pub mod token;
