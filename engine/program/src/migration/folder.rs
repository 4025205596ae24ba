//! Migrates the log of a data folder to JetStream and back.
//!
//! The folder is locked, no engine may use the stream, and the folder names the place of its log at all times.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::JoinError;

use super::{MoveError, Progress, move_log};
use boarding_core::clock::Clock;
use boarding_core::data_dir::{DataDir, DataDirError};
use boarding_log::EventLog;
use boarding_log::connect::ConnectError;
use boarding_log::file::{self, FileLog};
use boarding_log::jetstream::{self, JetStreamLog};
use boarding_nats::exclusivity::{ExclusivityCheck, ExclusivityError};

/// The direction of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the folder's files into the stream.
    ToJetStream,
    /// From the stream into the folder's files.
    FromJetStream,
}

/// The data folder, the stream and the direction.
#[derive(Debug)]
pub struct Options {
    pub data: PathBuf,
    pub direction: Direction,
    pub jetstream: jetstream::Options,
    pub clock: Clock,
}

/// The result of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub progress: Progress,
    pub companies: usize,
    pub stream: String,
    /// The addresses of the servers, without credentials.
    pub servers: Vec<String>,
    /// Whether the folder has imported files, which are not moved.
    pub has_files: bool,
    /// Whether events were published with positions of the old log.
    pub has_published: bool,
}

/// Why a migration failed. The folder still names the place of its log, and nothing is lost.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error(transparent)]
    Folder(#[from] DataDirError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Idle(#[from] ExclusivityError),
    #[error(transparent)]
    Files(#[from] file::OpenError),
    #[error(transparent)]
    JetStream(#[from] jetstream::OpenError),
    #[error(transparent)]
    Move(#[from] MoveError),
    #[error("there is no log in {}; give the data folder with --data", folder.display())]
    EmptyFolder { folder: PathBuf },
    #[error("there is no log in the stream {stream}; give its servers with --nats")]
    EmptyStream { stream: String },
    #[error(
        "the log of {} is in {to} already; to move it back: boarding move --from jetstream",
        folder.display()
    )]
    MovedAlready { folder: PathBuf, to: String },
    #[error(
        "{} has another log in its files; logs are never merged: give an empty folder, or the folder that the log was moved from",
        folder.display()
    )]
    OwnLog { folder: PathBuf },
    #[error(
        "the log in {} is damaged; mend it first: boarding repair (boarding manual trouble)",
        folder.display()
    )]
    Damaged { folder: PathBuf },
}

/// Migrates a folder's log, reports the progress, and marks the folder after the verification. A repeat continues
/// an interrupted migration.
///
/// # Errors
/// See [`FolderError`]. The log that is moved is never changed.
pub async fn move_folder(
    options: Options,
    report: impl FnMut(Progress),
) -> Result<Moved, FolderError> {
    if options.direction == Direction::ToJetStream && !options.data.join("log").exists() {
        return Err(FolderError::EmptyFolder { folder: options.data });
    }
    let addresses = options.jetstream.server.shown()?;
    let stream = options.jetstream.stream.clone();
    let servers = ExclusivityCheck::connect(&options.jetstream.server).await?;
    servers.check_idle(&options.data).await?;
    // Checked first, because opening a log creates its stream and opening a folder creates the folder.
    if options.direction == Direction::FromJetStream
        && servers.messages(&stream).await?.unwrap_or_default() == 0
    {
        return Err(FolderError::EmptyStream { stream });
    }
    let folder = DataDir::open(&options.data)?;
    check_folder(&folder, options.direction)?;
    let has_published = servers.has_published().await?;
    let place = format!("stream {stream} at {}", addresses.join(","));
    let (progress, companies) = match options.direction {
        Direction::ToJetStream => to_jetstream(options, &folder, &servers, &place, report).await?,
        Direction::FromJetStream => {
            from_jetstream(options, &folder, &servers, &place, report).await?
        }
    };
    let has_files = std::fs::read_dir(folder.files()).is_ok_and(|mut files| files.next().is_some());
    Ok(Moved { progress, companies, stream, servers: addresses, has_files, has_published })
}

/// Refuses a folder that a log may not be moved out of, or into.
fn check_folder(folder: &DataDir, direction: Direction) -> Result<(), FolderError> {
    let path = || folder.path().to_owned();
    match (direction, folder.moved_to()?, folder.has_log()?) {
        // The files may be a part of the log only, because the log is in the stream.
        (Direction::ToJetStream, Some(to), _) => {
            Err(FolderError::MovedAlready { folder: path(), to })
        }
        (Direction::ToJetStream, None, false) => Err(FolderError::EmptyFolder { folder: path() }),
        (Direction::FromJetStream, None, true) => Err(FolderError::OwnLog { folder: path() }),
        _ => Ok(()),
    }
}

async fn to_jetstream(
    options: Options,
    folder: &DataDir,
    servers: &ExclusivityCheck,
    place: &str,
    report: impl FnMut(Progress),
) -> Result<(Progress, usize), FolderError> {
    let source = open_files(folder, &options.clock).await?;
    if source.end() == 0 {
        return Err(FolderError::EmptyFolder { folder: options.data });
    }
    let target = open_jetstream(options.jetstream).await?;
    let progress = move_log(&source, &target, report).await?;
    servers.check_idle(folder.path()).await?;
    let companies = source.companies().len();
    close(source).await;
    folder.mark_moved(place)?;
    Ok((progress, companies))
}

async fn from_jetstream(
    options: Options,
    folder: &DataDir,
    servers: &ExclusivityCheck,
    place: &str,
    report: impl FnMut(Progress),
) -> Result<(Progress, usize), FolderError> {
    let source = open_jetstream(options.jetstream).await?;
    if folder.moved_to()?.is_none() {
        // Marked before the first commit: until the last commit is verified, the files are not the whole log.
        folder.mark_moved(place)?;
    }
    let target = open_files(folder, &options.clock).await?;
    let progress = move_log(&source, &target, report).await?;
    servers.check_idle(folder.path()).await?;
    let companies = target.companies().len();
    close(target).await;
    folder.mark_returned()?;
    Ok((progress, companies))
}

async fn open_files(folder: &DataDir, clock: &Clock) -> Result<Arc<dyn EventLog>, FolderError> {
    let (path, mut options) = (folder.log(), file::Options::new(clock.now()));
    // A migration does not search commands, so the index, which may be large, is not needed.
    options.commands_indexed_up_to = u64::MAX;
    let opened = blocking(move || FileLog::open(&path, options)).await?;
    if let Some(torn) = &opened.torn {
        let (bytes, kept) = (torn.bytes, torn.kept.display());
        tracing::warn!(bytes, %kept, "interrupted write moved out of the log");
    }
    // A damaged log opens, but the commits after the damage are not read.
    match opened.log.heads() {
        Some(_) => Ok(Arc::new(opened.log)),
        None => Err(FolderError::Damaged { folder: folder.path().to_owned() }),
    }
}

async fn open_jetstream(options: jetstream::Options) -> Result<Arc<dyn EventLog>, FolderError> {
    let log = blocking(move || JetStreamLog::open(options)).await?;
    log.forget_commands_up_to(u64::MAX);
    Ok(Arc::new(log))
}

/// Waits until the log is closed and written to the disk.
async fn close(log: Arc<dyn EventLog>) {
    blocking(move || drop(log)).await;
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await.map_err(JoinError::into_panic) {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
