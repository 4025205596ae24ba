//! Measurements the program makes of itself.

pub mod log;
pub mod nats;
pub mod onboarding;
