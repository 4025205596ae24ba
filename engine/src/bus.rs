//! NATS: the front door for other services. Only this folder, the JetStream log and the `nats` channel know it.

pub mod connect;
pub mod names;
pub mod work;
