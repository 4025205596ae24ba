//! The engine without NATS: company actors, intake, read models, process managers, delivery.

pub mod access_token;
pub mod acknowledged;
pub mod clock;
pub mod data_dir;
pub mod delivery;
mod derived_copy;
pub mod engine;
pub mod files;
pub mod limits;
pub mod metrics;
pub mod object_store;
pub mod ownership;
pub mod preview;
pub mod queries;
pub mod read;
pub mod serving;

mod actor;
mod context;
mod import_portions;
mod intake;
mod known_links;
mod pending_work;
mod picture_archive;
mod picture_removal;
mod process;
pub mod refused_commands;
mod registry;
mod reply;
mod submission;
mod uploads;
mod waiting;

pub use actor::ActorHandle;
pub use pending_work::PendingWork;
pub use reply::Reply;
pub use uploads::StoredUpload;
