//! NATS: the front door for other services. Only this folder, the JetStream log and the `nats` channel know it.

pub mod feed;
mod forward;
pub mod idle;
mod micro;
pub mod names;
mod objects;
pub mod owners;
pub mod places;
mod queue;
mod requests;
pub mod serve;
pub mod shared;
mod wire;
pub mod work;
