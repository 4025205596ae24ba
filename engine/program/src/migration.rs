//! Moves a whole log into another, commit by commit, and proves that it arrived: `boarding move`.

use std::sync::Arc;

use boarding_commands::values::CompanyId;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use crate::limits::{MOVE_BYTES_PER_APPEND, MOVE_COMMITS_AHEAD, MOVE_COMMITS_PER_APPEND};
use boarding_log::codec::{EncodeError, Encoded};
use boarding_log::{AppendError, Entry, EventLog, ReadError, Reader};

pub mod folder;

/// How far a move is, in commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// The last position of the source that was found in the target or moved into it, and the source's last
    /// one: how many commits a source has is not known before they are read.
    pub position: u64,
    pub end: u64,
    /// Commits that an earlier, interrupted move had brought over.
    pub found: u64,
    pub moved: u64,
    /// Commits read again from both logs and found the same.
    pub verified: u64,
    /// Events in the commits that were verified.
    pub events: u64,
}

/// Why a log did not move. What has arrived stays, and the same move asked again goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    #[error("read the log that is to move")]
    Source(#[source] ReadError),
    #[error("read the log that it moves into")]
    Target(#[source] ReadError),
    #[error(
        "move into a log that holds something else: commit {commit} of the target is of company {company} and not what the source has there; a log is moved into an empty one, never merged"
    )]
    Merge { commit: u64, company: CompanyId },
    #[error(
        "move into a log that has gone on by itself: it holds all {commits} commits of the source and more; it is the newer one"
    )]
    Ahead { commits: u64 },
    #[error("move commit {commit} of the log")]
    Append { commit: u64, source: AppendError },
    #[error("write commit {commit} of the log anew")]
    Encode { commit: u64, source: EncodeError },
    #[error(
        "write commit {commit} of the log anew: its bytes differ, so its hash would too; move it with the program that wrote it"
    )]
    Changed { commit: u64 },
    #[error("verify what was moved: commit {commit} of the target is not that of the source")]
    Differs { commit: u64 },
    #[error("move a log that still grows: stop what writes to it, and move again")]
    Growing,
}

impl MoveError {
    /// Whether what is stored is not what was appended.
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

/// Moves every commit of one log into another: its bytes, its order, the companies' versions and chains.
/// Nothing else may write to either. The positions of the target are its own.
///
/// # Errors
/// See [`MoveError`]; the source is never changed.
pub async fn move_log(
    source: &Arc<dyn EventLog>,
    target: &Arc<dyn EventLog>,
    mut tell: impl FnMut(Progress),
) -> Result<Progress, MoveError> {
    let mut progress = Progress { end: source.end(), ..Progress::default() };
    let mut entries = read(source);
    let mut there = read(target);
    while let Some(found) = there.next().await.map_err(MoveError::Target)? {
        let commit = progress.found + 1;
        let Some(expected) = entries.next().await.map_err(MoveError::Source)? else {
            return Err(MoveError::Ahead { commits: commit - 1 });
        };
        if expected.recorded.hash != found.recorded.hash {
            return Err(MoveError::Merge { commit, company: found.recorded.commit.company });
        }
        progress.found = commit;
        progress.position = expected.recorded.last_position();
        tell_now_and_then(progress.found, progress, &mut tell);
    }
    let mut append = Append::to(target, progress);
    while let Some(entry) = entries.next().await.map_err(MoveError::Source)? {
        if append.take(entry).await? {
            tell(append.progress);
        }
    }
    append.flush().await?;
    let mut progress = append.progress;
    tell(progress);
    verify(source, target, &mut progress, &mut tell).await?;
    if source.end() != progress.end {
        return Err(MoveError::Growing);
    }
    Ok(progress)
}

fn tell_now_and_then(commits: u64, progress: Progress, tell: &mut impl FnMut(Progress)) {
    if commits.is_multiple_of(MOVE_COMMITS_PER_APPEND as u64) {
        tell(progress);
    }
}

/// Reads both logs again, and compares them commit by commit.
async fn verify(
    source: &Arc<dyn EventLog>,
    target: &Arc<dyn EventLog>,
    progress: &mut Progress,
    tell: &mut impl FnMut(Progress),
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
        tell_now_and_then(commit, *progress, tell);
    }
}

fn is_same(expected: &Entry, found: &Entry) -> bool {
    expected.recorded.hash == found.recorded.hash
        && expected.recorded.commit == found.recorded.commit
}

/// Commits on their way: neighbours of one company go as one append.
struct Append<'a> {
    target: &'a Arc<dyn EventLog>,
    waiting: Vec<Encoded>,
    bytes: usize,
    bytes_max: usize,
    /// The source's last position among those that wait.
    last: u64,
    progress: Progress,
}

impl<'a> Append<'a> {
    fn to(target: &'a Arc<dyn EventLog>, progress: Progress) -> Self {
        let bytes_max = MOVE_BYTES_PER_APPEND.min(target.append_bytes_max());
        Self { target, waiting: Vec::new(), bytes: 0, bytes_max, last: 0, progress }
    }

    /// Takes a commit; answers whether others were appended.
    async fn take(&mut self, entry: Entry) -> Result<bool, MoveError> {
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

/// Commits that are read ahead.
struct Reading {
    entries: mpsc::Receiver<Result<Entry, ReadError>>,
    thread: Option<JoinHandle<()>>,
}

/// Reads a log from its start on a thread of its own, since reading blocks.
fn read(log: &Arc<dyn EventLog>) -> Reading {
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
    Reading { entries: read, thread: Some(thread) }
}

impl Reading {
    /// The next commit; at the end of the log none, and then nobody reads it any more.
    async fn next(&mut self) -> Result<Option<Entry>, ReadError> {
        if let Some(entry) = self.entries.recv().await {
            return entry.map(Some);
        }
        if let Some(thread) = self.thread.take() {
            // A reader that panicked must not pass for the end of a log.
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
    async fn a_log_arrives_whole_and_in_order() {
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
    async fn an_interrupted_move_goes_on() {
        let (source, target) = logs();
        grow(&source, 10).await;
        move_log(&source, &target, quiet).await.unwrap();
        grow(&source, 5).await;
        let moved = move_log(&source, &target, quiet).await.unwrap();
        assert_eq!((moved.found, moved.moved, moved.verified), (10, 5, 15));
    }

    /// What is told never goes beyond the source, and ends at its end.
    #[tokio::test]
    async fn a_move_tells_how_far_it_is() {
        let (source, target) = logs();
        grow(&source, 1_100).await;
        let mut told = Vec::new();
        let moved = move_log(&source, &target, |progress| told.push(progress)).await.unwrap();
        let end = source.end();
        assert!(told.iter().all(|now| now.position <= now.end && now.end == end));
        assert!(told.is_sorted_by_key(|now| (now.moved, now.verified)) && told.len() > 100);
        assert_eq!((moved.position, moved.moved, moved.verified), (end, 1_100, 1_100));
    }

    #[tokio::test]
    async fn logs_are_never_merged() {
        let (source, target) = logs();
        grow(&source, 4).await;
        let other = "initech".parse().unwrap();
        target.append(vec![sample::next(&*target, &other, 1)]).await.unwrap();
        let refused = move_log(&source, &target, quiet).await.unwrap_err();
        assert!(matches!(refused, MoveError::Merge { commit: 1, .. }), "{refused}");
        assert_eq!(target.end(), 1, "nothing was added");
    }

    #[tokio::test]
    async fn a_target_that_went_on_is_the_newer_one() {
        let (source, target) = logs();
        grow(&source, 4).await;
        move_log(&source, &target, quiet).await.unwrap();
        grow(&target, 1).await;
        let refused = move_log(&source, &target, quiet).await.unwrap_err();
        assert!(matches!(refused, MoveError::Ahead { commits: 4 }), "{refused}");
    }
}
