//! NATS: the front door for other services. Only this folder, the JetStream log and the `nats` channel know it.

pub mod connect;
pub mod feed;
pub mod idle;
mod micro;
pub mod names;
mod objects;
pub mod owners;
pub mod places;
mod queue;
mod requests;
pub mod serve;
mod wire;
pub mod work;
