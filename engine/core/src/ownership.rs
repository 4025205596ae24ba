//! Ownership of companies, if several engines share one log, and the permission to append at all.

use std::fmt;

use boarding_commands::values::CompanyId;

/// Says which companies belong to this engine.
///
/// This decides which engine works for a company, not which engine may append: the log's expected version decides
/// that.
pub trait Ownership: Send + Sync + fmt::Debug {
    /// Whether this engine owns the company now.
    fn is_mine(&self, company: &CompanyId) -> bool;
}

/// Says whether this engine may append now: at most one log is served on one NATS.
pub trait AppendGuard: Send + Sync + fmt::Debug {
    /// Fails with the cause, for people. It reads the time, so an engine that was paused notices it at once.
    ///
    /// # Errors
    /// The cause, while another engine may serve.
    fn check(&self) -> Result<(), String>;
}
