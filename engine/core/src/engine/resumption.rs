//! Goes on with work that was interrupted or is due.

use std::sync::atomic::Ordering;

use boarding_commands::values::CompanyId;

use super::Engine;

impl Engine {
    /// Carries runs on from now, if the engine was opened without. Returns when the company's runs can go on.
    pub async fn carry_runs(&self, company: &CompanyId) {
        self.context.carries_runs.store(true, Ordering::Release);
        self.actor(company).await.inspect(|_| ()).await;
    }

    /// Resumes the interrupted background work of all companies, and signs checkpoints from now on.
    pub async fn resume(&self) {
        self.start_signing();
        for company in self.companies() {
            let handle = self.actor(&company).await;
            handle.inspect(|_| ()).await;
        }
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
