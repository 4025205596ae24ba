//! Engine.

pub mod channel;
pub mod mail;
pub mod token;
