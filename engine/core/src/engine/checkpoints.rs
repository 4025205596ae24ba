//! Signs checkpoints of the log: at an interval while the engine serves, and when it closes.

use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use boarding_audit::{NoteKey, SignedNote, SigningError};
use tokio::sync::watch;

use super::Engine;
use crate::acknowledged;
use crate::context::EngineContext;
use crate::limits::{ACKNOWLEDGED_RETRY_SECONDS, ACKNOWLEDGED_SECONDS, CHECKPOINT_SECONDS};

impl Engine {
    /// Signs a checkpoint at the interval until the engine closes.
    pub(super) fn start_signing(&self) {
        let closing = || self.context.closing.subscribe();
        tokio::spawn(sign_at_interval(Arc::downgrade(&self.context), closing()));
        // Other engines may append to a shared log, so no file of this one says where it ends.
        if !self.context.log.is_shared() {
            tokio::spawn(note_acknowledged(Arc::downgrade(&self.context), closing()));
        }
    }

    /// Replaces the key by a new one, which the old one signs. Returns the new public key; none without a key.
    ///
    /// # Errors
    /// When the key cannot be written.
    pub fn replace_key(&self) -> Result<Option<NoteKey>, SigningError> {
        let mut signing = self.context.signing.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(old), Some(heads)) = (signing.take(), self.context.log.heads()) else {
            return Ok(None);
        };
        // After a failure nothing is signed until the next opening, which knows which key it is.
        let new = old.replace_key(&heads, self.context.clock.now())?;
        let key = new.key().clone();
        *signing = Some(new);
        Ok(Some(key))
    }
}

/// It holds no engine while it waits, so that a dropped engine frees its folder.
async fn sign_at_interval(context: Weak<EngineContext>, mut closing: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            _ = closing.wait_for(|closing| *closing) => return,
            () = tokio::time::sleep(Duration::from_secs(CHECKPOINT_SECONDS)) => {}
        }
        let Some(context) = context.upgrade() else { return };
        let signing = tokio::task::spawn_blocking(move || context.sign_or_report());
        if signing.await.is_err() {
            return;
        }
    }
}

/// Writes up to which position commands were answered, whenever that has changed.
async fn note_acknowledged(context: Weak<EngineContext>, mut closing: watch::Receiver<bool>) {
    let (mut written, mut seconds) = (0, ACKNOWLEDGED_SECONDS);
    loop {
        tokio::select! {
            _ = closing.wait_for(|closing| *closing) => return,
            () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
        }
        let Some(context) = context.upgrade() else { return };
        let end = context.log.end();
        if end == written {
            continue;
        }
        let (folder, log) = (context.folder.audit(), context.log.origin());
        drop(context);
        let writing = tokio::task::spawn_blocking(move || acknowledged::write(&folder, &log, end));
        match writing.await {
            Ok(Ok(())) => (written, seconds) = (end, ACKNOWLEDGED_SECONDS),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the position of answered commands is not written");
                seconds = ACKNOWLEDGED_RETRY_SECONDS;
            }
            Err(_) => return,
        }
    }
}

impl EngineContext {
    /// Signs a checkpoint, unless the log has not grown since the last one.
    fn sign_checkpoint(&self) -> Result<Option<SignedNote>, SigningError> {
        let mut signing = self.signing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(signing) = signing.as_mut() else { return Ok(None) };
        if signing.last_position() == Some(self.log.end()) {
            return Ok(None);
        }
        let Some(heads) = self.log.heads() else { return Ok(None) };
        signing.sign(&heads, self.clock.now())
    }

    /// Writes up to which position commands were answered, if no checkpoint can say it, because the log is damaged.
    pub(super) fn note_end_of_damaged(&self) {
        if self.log.is_shared() || self.log.heads().is_some() {
            return;
        }
        let written = acknowledged::write(&self.folder.audit(), &self.log.origin(), self.log.end());
        if let Err(error) = written {
            tracing::warn!(%error, "the position of answered commands is not written");
        }
    }

    /// Signs a checkpoint. A failure is logged, because the next one proves the same.
    pub(super) fn sign_or_report(&self) {
        if let Err(error) = self.sign_checkpoint() {
            let error = boarding_log::error_chain(&error);
            tracing::warn!(error, "checkpoint not signed");
        }
    }
}
