//! Repairs the read models: waits while the disk is full, and rebuilds damaged rows from the log.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, mpsc};
use std::time::Duration;

use boarding_log::{CommandIndex, ReadError};
use boarding_projections::rows::RowsError;

use super::{Follower, ProjectError, ProjectorRequest, check_log};
use crate::limits::{REPAIR_MILLIS, REPAIRS_MAX};
use crate::read::store::{Meta, Remedy, StoreError};

impl Follower {
    /// Repairs the store after a failure. Returns nothing if it cannot be repaired, or the engine stops.
    pub(super) fn repair(
        &mut self,
        error: &ProjectError,
        received: &mpsc::Receiver<ProjectorRequest>,
    ) -> Option<Result<(), ProjectError>> {
        let mut remedy = remedy(error)?;
        let text = boarding_log::error_chain(error);
        if remedy == Remedy::Wait {
            tracing::warn!(%text, "read models cannot be written, waiting for free space");
        } else {
            self.repairs += 1;
            if self.repairs > REPAIRS_MAX {
                return None;
            }
            tracing::warn!(folder = %self.shared.store, "read models are damaged, rebuilding them from the log");
            self.stop_queries("the read models were damaged and are rebuilt from the log");
        }
        if let Err(error) = self.reread_commands() {
            return Some(Err(error.into()));
        }
        // Only now: a repeated command that comes after the report must be known.
        if remedy == Remedy::Wait {
            self.wait_for_space(error);
        }
        let mut set_aside = None;
        let meta = loop {
            let repaired = match remedy {
                Remedy::Wait => self.reopen(),
                Remedy::Rebuild => {
                    self.shared.store.start_anew(&mut set_aside).map(|()| Meta::empty())
                }
            };
            match repaired {
                Ok(meta) => break meta,
                Err(error) if error.remedy() == Remedy::Wait => self.wait_for_space(&error),
                Err(_) => remedy = Remedy::Rebuild,
            }
            match received.recv_timeout(Duration::from_millis(REPAIR_MILLIS)) {
                Ok(ProjectorRequest::Stop | ProjectorRequest::Close)
                | Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return None;
                }
                Ok(ProjectorRequest::Rebuild(_, done)) => drop(done.send(Err(text.clone()))),
                Ok(ProjectorRequest::Refresh) => {
                    self.shared.notified.store(false, Ordering::Release);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
        };
        self.follow_again(meta);
        tracing::warn!("read models can be used again, applying the rest of the log");
        Some(Ok(()))
    }

    /// Goes on behind commits at the end of a damaged log that are hidden, so that no query waits for them. There was no batch.
    pub(super) fn pass_damage(&mut self, end: u64) -> Result<bool, ProjectError> {
        if self.meta.position < end && !self.log.damage_text().is_empty() {
            self.log.forget_commands_up_to(end);
            self.indexed = self.indexed.max(end);
            let mut meta = self.meta.clone();
            meta.position = end;
            self.adopt(meta);
        }
        Ok(false)
    }

    /// Opens the same rows again, if they still belong to the log. Changes that could not be written are written now.
    fn reopen(&mut self) -> Result<Meta, StoreError> {
        let store = &self.shared.store;
        let meta = store.reopen(&self.meta)?;
        // The next try must know to which position these rows belong.
        self.meta = meta.clone();
        check_log(&*self.log, store, meta.position).map_err(|_| store.damage())?;
        store.mark_repaired()?;
        Ok(meta)
    }

    fn wait_for_space(&self, error: &dyn std::error::Error) {
        let text = boarding_log::error_chain(error);
        self.stop_queries(&format!("{text}; they go on as soon as the disk has free space"));
    }

    fn stop_queries(&self, text: &str) {
        self.shared.seen.report(Err(text.into()));
    }

    /// Follows the log after the position of the repaired rows.
    fn follow_again(&mut self, meta: Meta) {
        self.lease = Arc::new(());
        self.retired.clear();
        self.unwritten_batches = 0;
        self.has_swept = false;
        self.shared.target.store(self.log.end(), Ordering::Release);
        let is_indexed = meta.position >= self.indexed;
        self.adopt(meta);
        if is_indexed {
            *self.shared.reread.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Reads the commands of old commits again: the log holds only new ones in memory, and the store has lost its index.
    /// So a repeated command is known while the store is filled again.
    fn reread_commands(&self) -> Result<(), ReadError> {
        let mut commands = CommandIndex::default();
        let mut reader = self.log.read_all(1);
        while let Some(entry) = reader.next()?
            && entry.recorded.position <= self.indexed
        {
            let commit = &entry.recorded.commit;
            let position = entry.recorded.position;
            commands.insert(&commit.company, commit.command, position, entry.location);
        }
        *self.shared.reread.write().unwrap_or_else(PoisonError::into_inner) = Some(commands);
        Ok(())
    }
}

/// What helps against the error, if the store caused it.
fn remedy(error: &ProjectError) -> Option<Remedy> {
    match error {
        ProjectError::Store(error) => Some(error.remedy()),
        ProjectError::Stopped(error) => match &error.cause {
            RowsError::Store { cause, .. } => {
                cause.downcast_ref::<StoreError>().map(StoreError::remedy)
            }
            RowsError::Undecodable { .. } => Some(Remedy::Rebuild),
            RowsError::Unencodable { .. } => None,
        },
        _ => None,
    }
}
