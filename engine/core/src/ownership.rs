//! Ownership of companies, if several engines share one log.

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
