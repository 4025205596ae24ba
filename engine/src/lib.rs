//! Engine.

pub mod codec;
pub mod log;
