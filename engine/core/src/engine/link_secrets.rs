//! The link secrets of the companies in the log, by their fingerprints.

use std::sync::Arc;

use boarding_commands::values::CompanyId;
use boarding_log::ReadError;

use super::Engine;

impl Engine {
    /// The fingerprint of the link secret that this engine uses.
    pub fn link_secret(&self) -> &str {
        self.context.tokens.fingerprint()
    }

    /// The fingerprints of the secrets that made the links mailed by each company.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn recorded_link_secrets(&self) -> Result<Vec<(CompanyId, String)>, ReadError> {
        let context = Arc::clone(&self.context);
        let read = move || {
            let mut recorded = Vec::new();
            for id in context.log.companies() {
                // Without an actor, because that would begin to work for the company.
                let company = context.snapshots.load(&*context.log, &id)?.company;
                recorded.extend(company.settings.link_secret.map(|fingerprint| (id, fingerprint)));
            }
            Ok(recorded)
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(recorded) => recorded,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}
