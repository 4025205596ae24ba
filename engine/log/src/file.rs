//! The log in files: segments of checksummed frames in one folder, written by one thread.
//!
//! `FORMAT.md` describes the bytes. Decision 0001 says why the log is files and not a key-value store:
//! acknowledged commits must survive a loss of power.

mod error;
mod files;
mod frame;
mod heads;
mod index;
mod open;
mod reader;
mod recover;
mod segment;
mod tail;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;

use boarding_commands::commit::Recorded;
use boarding_commands::values::{CommandId, CompanyId, Time};
use tokio::sync::{mpsc, oneshot, watch};

use super::check::check_size;
use super::{
    AppendError, AppendFuture, CommandLocation, Encoded, EventLog, Head, Location, ReadError,
    Reader,
};
use frame::LogId;
use index::Index;
use reader::{AllReader, CompanyReader};
use writer::Call;

pub use error::{DamageLocation, OpenError};
pub use open::{Checked, Opened, TornTail, verify};

/// The size of a segment, in bytes: small enough to copy and read at once, large enough that creating
/// one (some milliseconds) is rare.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// The most appends that wait for the writer: as many as one frame holds, so that a full frame can
/// wait while another is written.
const QUEUED_APPENDS_MAX: usize = 1_024;

/// Settings for opening a log.
#[derive(Debug, Clone)]
pub struct Options {
    /// The size of one segment, in bytes; tests use tiny ones.
    pub segment_bytes: u64,
    /// The creation time that is stored in a new log.
    pub created: Time,
    /// RecentCommands up to this position are not kept in memory: the caller has an index of them.
    pub commands_indexed_up_to: u64,
    /// Called before each step of the writer, to observe or to fail it.
    pub steps: Steps,
}

impl Options {
    pub fn new(created: Time) -> Self {
        let (segment_bytes, steps) = (SEGMENT_BYTES, Steps::default());
        Self { segment_bytes, created, commands_indexed_up_to: 0, steps }
    }
}

/// A step of the writer that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Create,
    Write,
    Sync,
}

/// A function that runs before each step. Its error counts as the error of the step: tests simulate a
/// failing disk with it.
#[derive(Clone, Default)]
pub struct Steps(Option<Arc<dyn Fn(Step) -> io::Result<()> + Send + Sync>>);

impl Steps {
    pub fn new(before: impl Fn(Step) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(before)))
    }

    fn pass(&self, step: Step) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |before| before(step))
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Steps(watched)" } else { "Steps" })
    }
}

/// How much is verified when a log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// The checksum of each frame, each link, version and position.
    Frames,
    /// Also the checksum and hash of each commit, and that it decodes.
    Everything,
}

/// The log in a folder. Dropping it waits for running appends and writes the heads file.
#[derive(Debug)]
pub struct FileLog {
    inner: Arc<Inner>,
    /// `Some` until the log is dropped.
    calls: Option<mpsc::Sender<Call>>,
    writer: Option<JoinHandle<()>>,
}

/// The state that the writer and all readers share.
#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    log: LogId,
    index: RwLock<Index>,
    files: files::Files,
    end: watch::Sender<u64>,
}

impl Inner {
    // A panic while the lock is held leaves at worst a frame that is not fully indexed until the log is
    // opened again. Reads stay correct, so a poisoned lock is used on.
    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
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
            calls.send(Call { commits, answer }).await.map_err(|_| AppendError::Closed)?;
            outcome.await.map_err(|_| AppendError::Closed)?
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

    fn read_at(&self, location: Location) -> Result<Recorded, ReadError> {
        reader::read_at(&self.inner, location)
    }

    fn find_command(
        &self,
        company: &CompanyId,
        command: CommandId,
    ) -> Result<Option<CommandLocation>, ReadError> {
        let found = self.inner.index().commands.find(company, command);
        let Some(location) = found else { return Ok(None) };
        let Recorded { position, commit, .. } = self.read_at(location)?;
        let is_it = commit.company == *company && commit.command == command;
        let (first_version, body) = (commit.first_version, commit.body);
        Ok(is_it.then_some(CommandLocation { first_version, body, position, location }))
    }

    fn forget_commands_up_to(&self, position: u64) {
        self.inner.index_mut().forget_commands_up_to(position);
    }
}

impl Drop for FileLog {
    fn drop(&mut self) {
        self.calls = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!(folder = %self.inner.folder.display(), "log writer panicked");
        }
    }
}
