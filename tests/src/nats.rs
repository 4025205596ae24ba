//! On a real NATS server: the log in JetStream, the front door, several engines, what breaks.

mod bench;
pub(crate) mod caller;
mod clients;
mod engines;
mod feed;
mod files;
mod log;
mod moving;
mod owners;
mod permissions;
mod queue;
mod serve;
pub(crate) mod serve_process;
mod server;
mod service;
mod users;
mod work;
