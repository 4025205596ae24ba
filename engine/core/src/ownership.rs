//! Which companies an engine works for, where several engines share one log.

use std::fmt;
use std::sync::Arc;

use boarding_commands::values::CompanyId;

use crate::engine::Engine;

/// Says which companies belong to this engine.
///
/// This decides which engine works for a company, not which engine may append: the log's expected version decides
/// that.
pub trait Ownership: Send + Sync + fmt::Debug {
    /// Whether this engine works for the company now.
    fn is_mine(&self, company: &CompanyId) -> bool;
}

impl Engine {
    /// Shares the companies with other engines from now on. Call this once, before the first command, and call
    /// [`Engine::ownership_changed`] after each change of an owner.
    pub fn share(&self, ownership: Arc<dyn Ownership>) {
        if self.core.ownership.set(ownership).is_err() {
            tracing::warn!("the engine shares its companies already");
        }
    }

    /// Starts the process managers of companies that this engine has acquired, and stops those of companies that
    /// it has lost.
    pub async fn ownership_changed(&self) {
        self.companies.mind_owners().await;
    }

    /// Loads the company and resumes what was interrupted. Returns whether anything is left to do, now or at a
    /// later time.
    pub async fn resume_company(&self, company: &CompanyId) -> bool {
        let hot = self.hot(company).await;
        hot.look(|_| ()).await;
        let chores = hot.chores();
        let chores = chores.borrow();
        !chores.is_idle() || chores.tick_at.is_some()
    }
}
