//! Takeover among engines that share one log: acquires companies without an owner.
//!
//! `run` calls `Engine::ownership_changed` after each change of owners. That call also stops the work for companies that
//! this engine has lost.

use std::time::Duration;

use boarding_commands::values::CompanyId;
use boarding_core::engine::Engine;

use crate::limits::{LEASE_SECONDS, RENEWALS_PER_LEASE};
use crate::ownership::{CompanyOwners, Owner, OwnershipError};

/// Returns the owner of a company. If the company has no owner, acquires the company for this engine.
///
/// # Errors
/// When NATS does not answer.
pub(crate) async fn owner(
    engine: &Engine,
    owners: Option<&CompanyOwners>,
    company: &CompanyId,
) -> Result<Owner, OwnershipError> {
    let Some(owners) = owners else { return Ok(Owner::Me) };
    let before = owners.owner(company);
    let owner = owners.acquire(company).await?;
    if owner == Owner::Me && before != Some(Owner::Me) {
        engine.ownership_changed().await;
    }
    Ok(owner)
}

/// Acquires companies without an owner, without end.
pub(crate) async fn run(engine: &Engine, owners: &CompanyOwners) {
    let mut changes = owners.changes();
    let mut retries =
        tokio::time::interval(Duration::from_secs(LEASE_SECONDS) / RENEWALS_PER_LEASE);
    acquire_orphans(engine, owners, engine.companies()).await;
    loop {
        engine.ownership_changed().await;
        acquire_orphans(engine, owners, owners.orphans()).await;
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            _ = retries.tick() => {}
        }
    }
}

/// Acquires companies without an owner and resumes them. Companies without pending work are released.
async fn acquire_orphans(engine: &Engine, owners: &CompanyOwners, companies: Vec<CompanyId>) {
    for company in companies {
        if owners.owner(&company).is_some() {
            continue;
        }
        match owners.acquire(&company).await {
            Ok(Owner::Me) => resume(engine, owners, &company).await,
            Ok(Owner::Other(_)) => {}
            Err(error) => {
                let error = boarding_log::error_chain(&error);
                tracing::warn!(%company, %error, "acquiring a company failed, retrying");
            }
        }
    }
}

/// Resumes the pending work of an acquired company. Releases the company if it has none.
async fn resume(engine: &Engine, owners: &CompanyOwners, company: &CompanyId) {
    if engine.resume_company(company).await {
        tracing::info!(%company, engine = %owners.me(), "company acquired");
    } else {
        owners.release(company).await;
    }
    engine.ownership_changed().await;
}
