//! The link secret of engines that share a log: the bucket's, or that of the folder for a log without one.

use std::path::Path;

use async_nats::jetstream;
use boarding_core::data_dir::{DataDir, Secret};
use boarding_core::delivery::token::Tokens;
use boarding_core::engine::{Engine, EngineError};
use boarding_nats::names::SECRETS_BUCKET;
use boarding_nats::shared;

use crate::cli::failure::{Failure, unavailable};

/// The secret that an engine uses, and where it comes from.
pub(super) struct LinkSecret {
    pub(super) used: Secret,
    /// The secret in the file of the folder.
    own: Option<Secret>,
    /// Whether the bucket has it.
    is_stored: bool,
}

impl LinkSecret {
    /// Reads the secret. Makes a new one if there is none, which is not stored yet.
    pub(super) async fn read(
        jetstream: &jetstream::Context,
        data: &Path,
        copies: usize,
    ) -> Result<Self, Failure> {
        // The folder is closed at once, because the engine locks it.
        let folder = DataDir::open_without_log(data).map_err(EngineError::from)?;
        let own = folder.kept_secret().cloned();
        drop(folder);
        let stored = shared::secret(jetstream, copies).await.map_err(|e| unavailable(&e))?;
        let is_stored = stored.is_some();
        let used = match stored.or_else(|| own.clone()) {
            Some(secret) => secret,
            None => Secret::random().map_err(|error| unavailable(&error))?,
        };
        Ok(Self { used, own, is_stored })
    }

    /// Checks the secret against the log, and stores it for all engines. With `makes_new` a secret that the log does not
    /// know is stored too. Returns whether it is the stored one: another engine may have stored its own meanwhile.
    pub(super) async fn check_and_store(
        &self,
        engine: &Engine,
        jetstream: &jetstream::Context,
        data: &Path,
        makes_new: bool,
        copies: usize,
    ) -> Result<bool, Failure> {
        if self.is_stored {
            self.check_stored(engine, data).await?;
            return Ok(true);
        }
        if !makes_new {
            self.check_own(engine, data).await?;
        }
        let stored = shared::store_secret(jetstream, &self.used, copies).await;
        let is_used = stored.map_err(|error| unavailable(&error))? == self.used;
        // A new secret has made no link yet, so it can be given up.
        if is_used || self.own.is_none() {
            return Ok(is_used);
        }
        let text = format!(
            "another engine has stored its link secret in bucket {SECRETS_BUCKET} at the same moment; start again"
        );
        Err(Failure::Unavailable(text))
    }

    /// The bucket has a secret that is not the log's, while the folder has the log's.
    async fn check_stored(&self, engine: &Engine, data: &Path) -> Result<(), Failure> {
        let Some(own) = self.own.as_ref().filter(|own| **own != self.used) else { return Ok(()) };
        let own = Tokens::new(*own.bytes());
        let recorded = recorded(engine).await?;
        let Some((company, _)) = recorded.iter().find(|(_, known)| known == own.fingerprint())
        else {
            return Ok(());
        };
        let file = data.join("secret");
        Err(Failure::Unavailable(format!(
            "the link secret in bucket {SECRETS_BUCKET} is not the one that made the links of company {company}, and the one in {} is: stop all engines, remove the other one with `nats kv del {SECRETS_BUCKET} links`, and start this engine first",
            file.display()
        )))
    }

    /// The bucket has no secret: it must be the folder's, unless the log is empty.
    async fn check_own(&self, engine: &Engine, data: &Path) -> Result<(), Failure> {
        let file = data.join("secret");
        let file = file.display();
        let remedy = format!(
            "stop the engine, put the file `secret` of the folder that the log was moved from, or of a backup, to {file}, and start again; if it is lost, --new-link-secret makes a new one, and links mailed before do not work"
        );
        if self.own.is_none() && !engine.companies().is_empty() {
            return Err(Failure::Unavailable(format!(
                "the log has companies, and its link secret is neither in bucket {SECRETS_BUCKET} nor in {file}: {remedy}"
            )));
        }
        let recorded = recorded(engine).await?;
        match recorded.iter().find(|(_, known)| known != engine.link_secret()) {
            None => Ok(()),
            Some((company, known)) => Err(Failure::Unavailable(format!(
                "the link secret in {file} (fingerprint {}) is not the one that made the links of company {company} (fingerprint {known}): {remedy}",
                engine.link_secret()
            ))),
        }
    }
}

async fn recorded(
    engine: &Engine,
) -> Result<Vec<(boarding_commands::values::CompanyId, String)>, Failure> {
    engine.recorded_link_secrets().await.map_err(|error| unavailable(&error))
}
