//! The engine: company actors, intake of files, read models, process managers and delivery. It knows no NATS.

pub mod actor;
pub mod clock;
pub mod data_dir;
pub mod delivery;
pub mod engine;
pub mod intake;
pub mod limits;
pub mod ownership;
pub mod preview;
pub mod process;
pub mod read;

pub(crate) mod context;
pub(crate) mod registry;
