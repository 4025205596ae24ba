//! Engine.

pub mod bench;
pub mod codec;
pub mod data_dir;
pub mod log;
