//! On a real NATS server: the log in JetStream, the front door, several engines, what breaks.

mod feed;
mod server;
mod users;
mod work;
