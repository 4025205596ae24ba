//! Engine.

pub mod people;
