//! Benchmarks of the program.

pub mod log;
pub mod nats;
pub mod onboarding;
pub mod opening;
pub mod places;
pub mod smtp;
