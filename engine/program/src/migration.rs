//! Migrates a log into another one, commit by commit, and verifies the result.

use std::sync::Arc;

use boarding_commands::values::CompanyId;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use crate::limits::{MOVE_BYTES_PER_APPEND, MOVE_COMMITS_AHEAD, MOVE_COMMITS_PER_APPEND};
use boarding_log::codec::{EncodeError, Encoded};
use boarding_log::{AppendError, Entry, EventLog, ReadError, Reader};

pub mod folder;

/// The progress of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// The source's position up to which the target is complete, and the source's end. The number of the source's
    /// commits is unknown until all are read.
    pub position: u64,
    pub end: u64,
    /// Commits that were in the target already, from an interrupted migration.
    pub found: u64,
    pub moved: u64,
    /// Commits that were read again from both logs and are equal.
    pub verified: u64,
    /// Events in the commits that were verified.
    pub events: u64,
}

/// Why a migration failed. Moved commits stay in the target, and a repeat continues after them.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    #[error("cannot read the source log")]
    Source(#[source] ReadError),
    #[error("cannot read the target log")]
    Target(#[source] ReadError),
    #[error(
        "the target has another log: its commit {commit}, of company {company}, is not the source's; logs are never merged, so the target must be empty"
    )]
    Merge { commit: u64, company: CompanyId },
    #[error("the target is newer: it has all {commits} commits of the source and more")]
    Ahead { commits: u64 },
    #[error("cannot append commit {commit} to the target")]
    Append { commit: u64, source: AppendError },
    #[error("cannot encode commit {commit} of the source")]
    Encode { commit: u64, source: EncodeError },
    #[error(
        "this version of the program encodes commit {commit} differently, which would change its hash; move the log with the version that wrote it"
    )]
    Changed { commit: u64 },
    #[error("verification failed: commit {commit} of the target is not the source's")]
    Differs { commit: u64 },
    #[error("the source got new commits during the move; stop all engines, and repeat the move")]
    Growing,
}

impl MoveError {
    /// Whether stored data is damaged.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Source(error) | Self::Target(error) => {
                !error.is_transient() && !matches!(error, ReadError::Io { .. })
            }
            Self::Append { source, .. } => matches!(source, AppendError::Damaged { .. }),
            Self::Differs { .. } => true,
            Self::Merge { .. }
            | Self::Ahead { .. }
            | Self::Encode { .. }
            | Self::Changed { .. }
            | Self::Growing => false,
        }
    }
}

/// Moves all commits of a log into another one. Bytes, order, versions and hash chains are unchanged; positions are
/// those of the target. Nothing else may write to either log.
///
/// # Errors
/// See [`MoveError`]; the source is never changed.
pub async fn move_log(
    source: &Arc<dyn EventLog>,
    target: &Arc<dyn EventLog>,
    mut report: impl FnMut(Progress),
) -> Result<Progress, MoveError> {
    let mut progress = Progress { end: source.end(), ..Progress::default() };
    let mut entries = read(source);
    let mut existing = read(target);
    while let Some(found) = existing.next().await.map_err(MoveError::Target)? {
        let commit = progress.found + 1;
        let Some(expected) = entries.next().await.map_err(MoveError::Source)? else {
            return Err(MoveError::Ahead { commits: commit - 1 });
        };
        if expected.recorded.hash != found.recorded.hash {
            return Err(MoveError::Merge { commit, company: found.recorded.commit.company });
        }
        progress.found = commit;
        progress.position = expected.recorded.last_position();
        report_every_append(progress.found, progress, &mut report);
    }
    let mut append = Append::to(target, progress);
    while let Some(entry) = entries.next().await.map_err(MoveError::Source)? {
        if append.add(entry).await? {
            report(append.progress);
        }
    }
    append.flush().await?;
    let mut progress = append.progress;
    report(progress);
    verify(source, target, &mut progress, &mut report).await?;
    if source.end() != progress.end {
        return Err(MoveError::Growing);
    }
    Ok(progress)
}

fn report_every_append(commits: u64, progress: Progress, report: &mut impl FnMut(Progress)) {
    if commits.is_multiple_of(MOVE_COMMITS_PER_APPEND as u64) {
        report(progress);
    }
}

/// Reads both logs again and compares them commit by commit.
async fn verify(
    source: &Arc<dyn EventLog>,
    target: &Arc<dyn EventLog>,
    progress: &mut Progress,
    report: &mut impl FnMut(Progress),
) -> Result<(), MoveError> {
    let (mut expected, mut found) = (read(source), read(target));
    loop {
        let commit = progress.verified + 1;
        let next = expected.next().await.map_err(MoveError::Source)?;
        let entry = match (next, found.next().await.map_err(MoveError::Target)?) {
            (None, None) => return Ok(()),
            (Some(expected), Some(found)) if is_same(&expected, &found) => expected,
            _ => return Err(MoveError::Differs { commit }),
        };
        progress.verified = commit;
        progress.events += entry.recorded.commit.events.len() as u64;
        report_every_append(commit, *progress, report);
    }
}

fn is_same(expected: &Entry, found: &Entry) -> bool {
    expected.recorded.hash == found.recorded.hash
        && expected.recorded.commit == found.recorded.commit
}

/// Collects commits that follow each other and have one company into one append.
struct Append<'a> {
    target: &'a Arc<dyn EventLog>,
    waiting: Vec<Encoded>,
    bytes: usize,
    bytes_max: usize,
    /// The source's position of the last waiting commit.
    last: u64,
    progress: Progress,
}

impl<'a> Append<'a> {
    fn to(target: &'a Arc<dyn EventLog>, progress: Progress) -> Self {
        let bytes_max = MOVE_BYTES_PER_APPEND.min(target.append_bytes_max());
        Self { target, waiting: Vec::new(), bytes: 0, bytes_max, last: 0, progress }
    }

    /// Adds a commit. Returns whether the commits before it were appended.
    async fn add(&mut self, entry: Entry) -> Result<bool, MoveError> {
        let commit = self.progress.found + self.progress.moved + self.waiting.len() as u64 + 1;
        let (hash, last) = (entry.recorded.hash, entry.recorded.last_position());
        let encoded = Encoded::of(entry.recorded.commit)
            .map_err(|source| MoveError::Encode { commit, source })?;
        if encoded.hash() != hash {
            return Err(MoveError::Changed { commit });
        }
        let of_another = self
            .waiting
            .last()
            .is_some_and(|last| last.commit().company != encoded.commit().company);
        let full = self.waiting.len() >= MOVE_COMMITS_PER_APPEND
            || self.bytes + encoded.bytes().len() > self.bytes_max;
        let flush = !self.waiting.is_empty() && (of_another || full);
        if flush {
            self.flush().await?;
        }
        self.bytes += encoded.bytes().len();
        self.last = last;
        self.waiting.push(encoded);
        Ok(flush)
    }

    async fn flush(&mut self) -> Result<(), MoveError> {
        let commit = self.progress.found + self.progress.moved + 1;
        let commits = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        if commits.is_empty() {
            return Ok(());
        }
        let appended = self.target.append(commits).await;
        let appended = appended.map_err(|source| MoveError::Append { commit, source })?;
        self.progress.moved += appended.len() as u64;
        self.progress.position = self.last;
        Ok(())
    }
}

/// A reader that reads ahead on another thread.
struct ReadAhead {
    entries: mpsc::Receiver<Result<Entry, ReadError>>,
    thread: Option<JoinHandle<()>>,
}

/// Reads a log from its start, on another thread because reading blocks.
fn read(log: &Arc<dyn EventLog>) -> ReadAhead {
    let (entries, read) = mpsc::channel(MOVE_COMMITS_AHEAD);
    let log = Arc::clone(log);
    let thread = tokio::task::spawn_blocking(move || {
        let mut reader: Box<dyn Reader> = log.read_all(1);
        while let Some(entry) = reader.next().transpose() {
            let failed = entry.is_err();
            if entries.blocking_send(entry).is_err() || failed {
                break;
            }
        }
    });
    ReadAhead { entries: read, thread: Some(thread) }
}

impl ReadAhead {
    /// The next commit, or nothing at the end of the log.
    async fn next(&mut self) -> Result<Option<Entry>, ReadError> {
        if let Some(entry) = self.entries.recv().await {
            return entry.map(Some);
        }
        if let Some(thread) = self.thread.take() {
            // A panic of the thread must not look like the end of the log.
            if let Err(panic) = thread.await.map_err(JoinError::try_into_panic)
                && let Ok(panic) = panic
            {
                std::panic::resume_unwind(panic);
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use boarding_log::contract::sample;
    use boarding_log::memory::MemoryLog;

    fn logs() -> (Arc<dyn EventLog>, Arc<dyn EventLog>) {
        (Arc::new(MemoryLog::new()), Arc::new(MemoryLog::new()))
    }

    async fn grow(log: &Arc<dyn EventLog>, commits: u64) {
        for n in 0..commits {
            let company = if n % 3 == 0 { "acme" } else { "globex" }.parse().unwrap();
            let commit = sample::next(&**log, &company, (n % 4) as usize);
            log.append(vec![commit]).await.unwrap();
        }
    }

    fn quiet(_: Progress) {}

    #[tokio::test]
    async fn all_commits_are_moved_in_order() {
        let (source, target) = logs();
        grow(&source, 40).await;
        let moved = move_log(&source, &target, quiet).await.unwrap();
        assert_eq!((moved.found, moved.moved, moved.verified), (0, 40, 40));
        assert_eq!(target.end(), source.end());
        assert_eq!(target.companies(), source.companies());
        for company in source.companies() {
            assert_eq!(target.head(&company), source.head(&company));
        }
    }

    #[tokio::test]
    async fn interrupted_migration_continues() {
        let (source, target) = logs();
        grow(&source, 10).await;
        move_log(&source, &target, quiet).await.unwrap();
        grow(&source, 5).await;
        let moved = move_log(&source, &target, quiet).await.unwrap();
        assert_eq!((moved.found, moved.moved, moved.verified), (10, 5, 15));
    }

    /// The reported positions never exceed the source's end, and the last one is the end.
    #[tokio::test]
    async fn migration_reports_its_progress() {
        let (source, target) = logs();
        grow(&source, 1_100).await;
        let mut reported = Vec::new();
        let moved = move_log(&source, &target, |progress| reported.push(progress)).await.unwrap();
        let end = source.end();
        assert!(reported.iter().all(|now| now.position <= now.end && now.end == end));
        assert!(reported.is_sorted_by_key(|now| (now.moved, now.verified)) && reported.len() > 100);
        assert_eq!((moved.position, moved.moved, moved.verified), (end, 1_100, 1_100));
    }

    #[tokio::test]
    async fn different_logs_are_never_merged() {
        let (source, target) = logs();
        grow(&source, 4).await;
        let other = "initech".parse().unwrap();
        target.append(vec![sample::next(&*target, &other, 1)]).await.unwrap();
        let refused = move_log(&source, &target, quiet).await.unwrap_err();
        assert!(matches!(refused, MoveError::Merge { commit: 1, .. }), "{refused}");
        assert_eq!(target.end(), 1, "a commit was added");
    }

    #[tokio::test]
    async fn target_with_more_commits_is_refused() {
        let (source, target) = logs();
        grow(&source, 4).await;
        move_log(&source, &target, quiet).await.unwrap();
        grow(&target, 1).await;
        let refused = move_log(&source, &target, quiet).await.unwrap_err();
        assert!(matches!(refused, MoveError::Ahead { commits: 4 }), "{refused}");
    }
}
