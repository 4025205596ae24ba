//! On a real NATS server: the log in JetStream, the front door, several engines, what breaks.

mod caller;
mod files;
mod queue;
mod serve;
mod server;
mod service;
mod serving;
