//! Tests on real NATS servers: requests, queue, feed, workers, the log in JetStream, several engines, faults.

mod authenticated;
mod bench;
pub(crate) mod caller;
mod clients;
mod engines;
mod feed;
mod files;
mod isolation;
mod log;
mod migration;
mod one_log;
mod operator_mode;
mod ownership;
mod permissions;
mod queue;
mod requests;
mod retries;
mod serve;
pub(crate) mod serve_process;
mod server;
mod shared_secret;
mod users;
mod waiting_relay;
mod workers;
