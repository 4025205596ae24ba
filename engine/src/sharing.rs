//! Several engines on one log: this one works for the companies that are its own, and takes over others'.

use std::time::Duration;

use boarding_commands::id::CompanyId;

use crate::bus::owners::{Owner, Owners, OwnersError};
use crate::config::{LEASE_SECONDS, RENEWALS_PER_LEASE};
use crate::engine::Engine;

impl Engine {
    /// Shares the companies with other engines from now on: nothing goes on for those of others. Call it
    /// once, before anything is asked, and keep [`Engine::mind_companies`] running.
    pub fn share(&self, owners: Owners) {
        if self.core.owners.set(owners).is_err() {
            tracing::warn!("the engine shares its companies already");
        }
    }

    /// Who works for the company; this engine, if nobody did.
    ///
    /// # Errors
    /// When it cannot be found out now.
    pub async fn owner(&self, company: &CompanyId) -> Result<Owner, OwnersError> {
        let Some(owners) = self.core.owners.get() else { return Ok(Owner::Me) };
        let before = owners.owner(company);
        let owner = owners.claim(company).await?;
        if owner == Owner::Me && before != Some(Owner::Me) {
            self.companies.mind_owners().await;
        }
        Ok(owner)
    }

    /// Sees to the companies that nobody works for, and leaves alone those that others do; never ends.
    pub async fn mind_companies(&self) {
        let Some(owners) = self.core.owners.get() else { return };
        let mut changes = owners.changes();
        let mut again =
            tokio::time::interval(Duration::from_secs(LEASE_SECONDS) / RENEWALS_PER_LEASE);
        self.take_over(owners, self.companies()).await;
        loop {
            self.companies.mind_owners().await;
            self.take_over(owners, owners.orphans()).await;
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                _ = again.tick() => {}
            }
        }
    }

    /// Goes on with companies that have no engine; those that have nothing to do are given back.
    async fn take_over(&self, owners: &Owners, companies: Vec<CompanyId>) {
        for company in companies {
            if owners.owner(&company).is_some() {
                continue;
            }
            match owners.claim(&company).await {
                Ok(Owner::Me) => self.go_on(owners, &company).await,
                Ok(Owner::Other(_)) => {}
                Err(error) => {
                    let error = boarding_log::error_chain(&error);
                    tracing::warn!(%company, %error, "a company waits for an engine");
                }
            }
        }
    }

    async fn go_on(&self, owners: &Owners, company: &CompanyId) {
        let hot = self.hot(company).await;
        hot.look(|_| ()).await;
        let idle = {
            let chores = hot.chores();
            let chores = chores.borrow();
            chores.is_idle() && chores.tick_at.is_none()
        };
        if idle {
            owners.release(company).await;
        } else {
            tracing::info!(%company, engine = %owners.me(), "works for the company");
        }
        self.companies.mind_owners().await;
    }
}
