//! The log in memory, for tests and simulation: the simplest implementation of the contract.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use boarding_commands::commit::RecordedCommit;
use boarding_commands::values::{CommandId, CompanyId};
use tokio::sync::watch;

use super::check::{check_chain, check_size};
use super::{
    AppendError, AppendFuture, Appended, CommandLocation, Encoded, Entry, EventLog, Head, Location,
    LogHeads, ReadError, Reader,
};

/// A log that lives as long as the process.
#[derive(Debug)]
pub struct MemoryLog {
    shared: Arc<RwLock<Shared>>,
    end: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Shared {
    commits: Vec<RecordedCommit>,
    streams: BTreeMap<CompanyId, Stream>,
    commands: HashMap<(CompanyId, CommandId), usize>,
}

#[derive(Debug, Default)]
struct Stream {
    head: Head,
    /// The company's commits, as indexes of [`Shared::commits`].
    commits: Vec<usize>,
}

impl MemoryLog {
    pub fn new() -> Self {
        Self { shared: Arc::default(), end: watch::Sender::new(0) }
    }

    fn append_now(&self, commits: Vec<Encoded>) -> Result<Vec<Appended>, AppendError> {
        check_size(&commits, self.append_bytes_max())?;
        let mut shared = write(&self.shared);
        check_chain(&commits, |company| shared.head(company))?;
        let appended = commits.into_iter().map(|commit| shared.push(commit)).collect();
        self.end.send_replace(shared.end());
        Ok(appended)
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}

impl Shared {
    fn head(&self, company: &CompanyId) -> Head {
        self.streams.get(company).map(|stream| stream.head).unwrap_or_default()
    }

    fn end(&self) -> u64 {
        self.commits.last().map_or(0, RecordedCommit::last_position)
    }

    fn push(&mut self, encoded: Encoded) -> Appended {
        let (index, position, hash) = (self.commits.len(), self.end() + 1, encoded.hash());
        let recorded = RecordedCommit { position, hash, commit: encoded.into_commit() };
        let (last_version, last_position) =
            (recorded.commit.last_version(), recorded.last_position());
        let stream = self.streams.entry(recorded.commit.company.clone()).or_default();
        stream.head = Head { version: last_version, hash };
        stream.commits.push(index);
        self.commands.insert((recorded.commit.company.clone(), recorded.commit.command), index);
        self.commits.push(recorded);
        Appended { position, last_position, last_version, hash, location: Location(index as u64) }
    }

    fn entry(&self, index: usize) -> Option<Entry> {
        let recorded = self.commits.get(index)?.clone();
        Some(Entry { location: Location(index as u64), recorded })
    }
}

impl EventLog for MemoryLog {
    fn append(&self, commits: Vec<Encoded>) -> AppendFuture<'_> {
        Box::pin(async move { self.append_now(commits) })
    }

    fn head(&self, company: &CompanyId) -> Head {
        read(&self.shared).head(company)
    }

    fn companies(&self) -> Vec<CompanyId> {
        read(&self.shared).streams.keys().cloned().collect()
    }

    fn heads(&self) -> Option<LogHeads> {
        let shared = read(&self.shared);
        let head = |(company, stream): (&CompanyId, &Stream)| (company.clone(), stream.head);
        Some(LogHeads { end: shared.end(), companies: shared.streams.iter().map(head).collect() })
    }

    fn origin(&self) -> String {
        "boarding.log/memory".to_owned()
    }

    fn end(&self) -> u64 {
        read(&self.shared).end()
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.end.subscribe()
    }

    fn read_all(&self, position: u64) -> Box<dyn Reader> {
        let next = read(&self.shared).commits.partition_point(|c| c.last_position() < position);
        Box::new(MemoryReader { shared: Arc::clone(&self.shared), company: None, next })
    }

    fn read_company(&self, company: &CompanyId, version: u64) -> Box<dyn Reader> {
        let shared = read(&self.shared);
        let next = shared.streams.get(company).map_or(0, |stream| {
            stream.commits.partition_point(|&index| {
                shared.commits.get(index).is_some_and(|c| is_before(c, version))
            })
        });
        drop(shared);
        let company = Some(company.clone());
        Box::new(MemoryReader { shared: Arc::clone(&self.shared), company, next })
    }

    fn read_at(&self, location: Location) -> Result<RecordedCommit, ReadError> {
        let index = usize::try_from(location.0).ok();
        let entry = index.and_then(|index| read(&self.shared).entry(index));
        entry.map(|entry| entry.recorded).ok_or(ReadError::NoSuchLocation { location })
    }

    fn find_command(
        &self,
        company: &CompanyId,
        command: CommandId,
    ) -> Result<Option<CommandLocation>, ReadError> {
        let shared = read(&self.shared);
        let index = shared.commands.get(&(company.clone(), command)).copied();
        Ok(index.and_then(|index| shared.entry(index)).map(|Entry { location, recorded }| {
            let RecordedCommit { position, commit, .. } = recorded;
            CommandLocation {
                first_version: commit.first_version,
                body: commit.body,
                position,
                location,
            }
        }))
    }

    fn forget_commands_up_to(&self, position: u64) {
        let mut shared = write(&self.shared);
        let Shared { commits, commands, .. } = &mut *shared;
        commands.retain(|_, index| commits.get(*index).is_some_and(|c| c.position > position));
    }
}

/// Whether a reader that starts at `version` skips this commit.
///
/// A commit without events has a last version before its first one, so both are compared.
fn is_before(recorded: &RecordedCommit, version: u64) -> bool {
    let commit = &recorded.commit;
    commit.first_version < version && commit.last_version() < version
}

#[derive(Debug)]
struct MemoryReader {
    shared: Arc<RwLock<Shared>>,
    /// The company to read; `None` reads all companies.
    company: Option<CompanyId>,
    /// The index of the next commit: among the company's commits, or among all.
    next: usize,
}

impl Reader for MemoryReader {
    fn next(&mut self) -> Result<Option<Entry>, ReadError> {
        let shared = read(&self.shared);
        let index = match &self.company {
            None => Some(self.next),
            Some(company) => {
                shared.streams.get(company).and_then(|s| s.commits.get(self.next).copied())
            }
        };
        let entry = index.and_then(|index| shared.entry(index));
        self.next += usize::from(entry.is_some());
        Ok(entry)
    }
}

// A poisoned lock is still usable: a panic cannot leave the state half changed, because the code that changes it
// cannot panic.
fn read(shared: &RwLock<Shared>) -> RwLockReadGuard<'_, Shared> {
    shared.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(shared: &RwLock<Shared>) -> RwLockWriteGuard<'_, Shared> {
    shared.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Backend;

    struct Memory(Arc<MemoryLog>);

    impl Backend for Memory {
        async fn open(&self) -> Arc<dyn EventLog> {
            self.0.clone()
        }
    }

    crate::event_log_contract!(Memory(Arc::new(MemoryLog::new())));

    #[tokio::test]
    async fn positions_have_no_gaps() {
        crate::contract::positions_have_no_gaps(&Memory(Arc::new(MemoryLog::new()))).await;
    }
}
