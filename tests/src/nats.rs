//! On a real NATS server: the log in JetStream, the front door, several engines, what breaks.

mod feed;
mod log;
mod owners;
mod permissions;
mod server;
mod users;
mod work;
