//! The engine without NATS: company actors, intake, read models, process managers, delivery.

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
