//! Several engines on one log: this one works for the companies that are its own, and takes over others'.

use std::time::Duration;

use boarding_commands::values::CompanyId;
use boarding_core::engine::Engine;

use crate::limits::{LEASE_SECONDS, RENEWALS_PER_LEASE};
use crate::ownership::{CompanyOwners, Owner, OwnershipError};

/// Who works for the company; this engine, if nobody did.
///
/// # Errors
/// When it cannot be found out now.
pub(crate) async fn owner(
    engine: &Engine,
    owners: Option<&CompanyOwners>,
    company: &CompanyId,
) -> Result<Owner, OwnershipError> {
    let Some(owners) = owners else { return Ok(Owner::Me) };
    let before = owners.owner(company);
    let owner = owners.claim(company).await?;
    if owner == Owner::Me && before != Some(Owner::Me) {
        engine.ownership_changed().await;
    }
    Ok(owner)
}

/// Sees to the companies that nobody works for, and leaves alone those that others do; never ends.
pub(crate) async fn run(engine: &Engine, owners: &CompanyOwners) {
    let mut changes = owners.changes();
    let mut again = tokio::time::interval(Duration::from_secs(LEASE_SECONDS) / RENEWALS_PER_LEASE);
    acquire_orphans(engine, owners, engine.companies()).await;
    loop {
        engine.ownership_changed().await;
        acquire_orphans(engine, owners, owners.orphans()).await;
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            _ = again.tick() => {}
        }
    }
}

/// Goes on with companies that have no engine; those that have nothing to do are given back.
async fn acquire_orphans(engine: &Engine, owners: &CompanyOwners, companies: Vec<CompanyId>) {
    for company in companies {
        if owners.owner(&company).is_some() {
            continue;
        }
        match owners.claim(&company).await {
            Ok(Owner::Me) => resume(engine, owners, &company).await,
            Ok(Owner::Other(_)) => {}
            Err(error) => {
                let error = boarding_log::error_chain(&error);
                tracing::warn!(%company, %error, "a company waits for an engine");
            }
        }
    }
}

async fn resume(engine: &Engine, owners: &CompanyOwners, company: &CompanyId) {
    if engine.resume_company(company).await {
        tracing::info!(%company, engine = %owners.me(), "works for the company");
    } else {
        owners.release(company).await;
    }
    engine.ownership_changed().await;
}
