//! On a real NATS server: the log in JetStream, the front door, several engines, what breaks.

mod log;
mod server;
