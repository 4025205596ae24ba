//! The log in files: segments of checksummed frames in one folder, written by one thread.
//!
//! `FORMAT.md` describes the bytes. Decision 0001 says why the log is files and not a key-value store:
//! acknowledged commits must survive a loss of power.

mod copied;
mod error;
mod files;
mod flipped_bit;
mod frame;
mod heads;
mod index;
mod open;
mod options;
mod reader;
mod recover;
mod repair;
mod salvage;
mod segment;
mod shared;
mod tail;
mod view;
mod writer;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::thread::JoinHandle;

use boarding_commands::commit::RecordedCommit;
use boarding_commands::values::{CommandId, CompanyId};
use tokio::sync::{mpsc, oneshot, watch};

use super::check::check_size;
use super::{
    AppendError, AppendFuture, CommandLocation, CompanyDamage, Encoded, EventLog, FailureFuture,
    Head, Location, LogHeads, ReadError, Reader,
};
use reader::{AllReader, CompanyReader};
use shared::Inner;
use writer::Call;

pub use copied::original;
pub use error::{DamageLocation, OpenError};
pub use frame::{LogId, origin};
pub use open::{Checked, Opened, TornTail, log_id, verify, verify_with};
pub use options::{Options, SEGMENT_BYTES, Step, Steps};
pub use recover::{CommitVisitor, LogState, ScanProgress, SegmentVisitor, read_on, segments};
pub use repair::{Mended, Repair, RepairError, find_repair, remove_left_repairs};

/// The log in a folder. Dropping it waits for running appends and writes the heads file.
#[derive(Debug)]
pub struct FileLog {
    inner: Arc<Inner>,
    /// Sends appends to the writer. `None` if the log was opened to read it, and while it is dropped.
    calls: Option<mpsc::Sender<Call>>,
    writer: Option<JoinHandle<()>>,
}

impl EventLog for FileLog {
    fn append(&self, commits: Vec<Encoded>) -> AppendFuture<'_> {
        Box::pin(async move {
            check_size(&commits, self.append_bytes_max())?;
            if commits.is_empty() {
                return Ok(Vec::new());
            }
            let calls = self.calls.as_ref().ok_or(AppendError::Closed)?;
            let (answer, outcome) = oneshot::channel();
            let sent = calls.send(Call { commits, answer }).await;
            // The writer ends before the log is dropped only if it panicked.
            let ended = || self.inner.fail(AppendError::Closed);
            sent.map_err(|_| ended())?;
            outcome.await.map_err(|_| ended())?
        })
    }

    fn head(&self, company: &CompanyId) -> Head {
        self.inner.index().head(company)
    }

    fn companies(&self) -> Vec<CompanyId> {
        let mut companies: Vec<_> = self.inner.index().streams.keys().cloned().collect();
        companies.sort_unstable();
        companies
    }

    fn heads(&self) -> Option<LogHeads> {
        let index = self.inner.index();
        if index.is_damaged() {
            return None;
        }
        let head = |(company, stream): (&CompanyId, &index::Stream)| (company.clone(), stream.head);
        let mut companies: Vec<_> = index.streams.iter().map(head).collect();
        companies.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Some(LogHeads { end: index.end, companies })
    }

    fn origin(&self) -> String {
        origin(&self.inner.log)
    }

    fn damaged_companies(&self) -> Vec<CompanyDamage> {
        let mut damaged: Vec<_> = self.inner.index().stopped.values().cloned().collect();
        damaged.sort_unstable_by(|one, other| one.company.cmp(&other.company));
        damaged
    }

    fn damage_text(&self) -> String {
        let unknown = self.inner.index().may_lack_companies.clone();
        let unknown = unknown.map(|place| format!("unknown companies ({place})"));
        let known = self.damaged_companies().into_iter().map(|damage| damage.to_string());
        known.chain(unknown).map(|line| format!("{line}\n")).collect()
    }

    fn further_damage(&self) -> Option<String> {
        let index = self.inner.index();
        if let Some(place) = &index.harmless {
            return Some(format!("the log is damaged ({place}), and no commit is lost"));
        }
        let place = index.may_lack_companies.as_ref().filter(|_| index.stopped.is_empty())?;
        Some(format!("the log is damaged ({place}), and may lack companies that it does not know"))
    }

    fn damage(&self, company: &CompanyId) -> Option<CompanyDamage> {
        self.inner.index().damage(company)
    }

    fn end(&self) -> u64 {
        self.inner.index().end
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.inner.end.subscribe()
    }

    fn read_all(&self, position: u64) -> Box<dyn Reader> {
        Box::new(AllReader::new(Arc::clone(&self.inner), position))
    }

    fn read_company(&self, company: &CompanyId, version: u64) -> Box<dyn Reader> {
        Box::new(CompanyReader::new(Arc::clone(&self.inner), company.clone(), version))
    }

    fn read_at(&self, location: Location) -> Result<RecordedCommit, ReadError> {
        reader::read_at(&self.inner, location)
    }

    fn find_command(
        &self,
        company: &CompanyId,
        command: CommandId,
    ) -> Result<Option<CommandLocation>, ReadError> {
        let found = self.inner.index().commands.find(company, command);
        let Some(location) = found else { return Ok(None) };
        let RecordedCommit { position, commit, .. } = self.read_at(location)?;
        // The index stores only a hash of the key, so another command may have been found.
        let is_same = commit.company == *company && commit.command == command;
        let (first_version, body) = (commit.first_version, commit.body);
        Ok(is_same.then_some(CommandLocation { first_version, body, position, location }))
    }

    fn failed(&self) -> FailureFuture<'_> {
        let mut failure = self.inner.failure.subscribe();
        Box::pin(async move {
            let failed = failure.wait_for(Option::is_some).await.ok().and_then(|it| it.clone());
            match failed {
                Some(error) => error,
                None => std::future::pending().await,
            }
        })
    }

    fn forget_commands_up_to(&self, position: u64) {
        self.inner.index_mut().forget_commands_up_to(position);
    }
}

impl Drop for FileLog {
    fn drop(&mut self) {
        // The writer ends when the channel of its calls is closed and empty.
        self.calls = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!(folder = %self.inner.folder.display(), "log writer panicked");
        }
    }
}
