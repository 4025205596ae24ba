//! NATS: requests, event feed, command queue, worker queue, and company ownership among engines.

pub mod exclusivity;
pub mod feed;
pub mod isolation;
pub mod key_value;
pub mod limits;
pub mod log_lease;
pub mod names;
pub mod ownership;
pub mod schema;
pub mod server;
pub mod server_config;
pub mod shared;
pub mod text_work;
pub mod worker_queue;
pub mod worker_transport;

mod forward;
mod jetstream_api;
mod micro;
mod objects;
mod queue;
mod refused_commands;
mod requests;
mod server_state;
mod takeover;
mod wire;
