//! Ownership of companies, if several engines share one log.

use std::fmt;
use std::sync::Arc;

use boarding_commands::values::CompanyId;

use crate::engine::Engine;

/// Says which companies belong to this engine.
///
/// This decides which engine works for a company, not which engine may append: the log's expected version decides
/// that.
pub trait Ownership: Send + Sync + fmt::Debug {
    /// Whether this engine owns the company now.
    fn is_mine(&self, company: &CompanyId) -> bool;
}

impl Engine {
    /// Shares the companies with other engines from now on. Call this once, before the first command, and call
    /// [`Engine::ownership_changed`] after each change of an owner.
    pub fn share(&self, ownership: Arc<dyn Ownership>) {
        if self.context.ownership.set(ownership).is_err() {
            tracing::warn!("ownership is set already, ignored");
        }
    }

    /// Starts the process managers of companies that this engine has acquired, and stops those of companies that
    /// it has lost.
    pub async fn ownership_changed(&self) {
        self.companies.follow_ownership().await;
    }

    /// Loads the company and resumes what was interrupted. Returns whether anything is left to do, now or at a
    /// later time.
    pub async fn resume_company(&self, company: &CompanyId) -> bool {
        let handle = self.actor(company).await;
        handle.inspect(|_| ()).await;
        let pending = handle.pending_work();
        let pending = pending.borrow();
        !pending.is_idle() || pending.tick_at.is_some()
    }
}
