//! Moves the log of a data folder to JetStream and back: the folder is held, nobody else works on the stream,
//! and the folder says where its log is at every moment.

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

/// Which way a log moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the folder's files into the stream.
    ToJetStream,
    /// From the stream into the folder's files.
    FromJetStream,
}

/// What is moved, and where.
#[derive(Debug)]
pub struct Options {
    pub data: PathBuf,
    pub way: Way,
    pub jetstream: jetstream::Options,
    pub clock: Clock,
}

/// What was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub progress: Progress,
    pub companies: usize,
    pub stream: String,
    /// The addresses of the servers, without who we are to them.
    pub servers: Vec<String>,
    /// Whether the folder keeps imported files, which do not move.
    pub has_files: bool,
    /// Whether events were published with the positions that they had in the log before.
    pub has_published: bool,
}

/// Why a folder's log did not move. Nothing is lost: the folder still says where its log is.
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
    #[error("move the log of {}: there is no log in it; name the data folder with --data", folder.display())]
    NothingHere { folder: PathBuf },
    #[error("move the log of stream {stream}: there is no log in it; name its servers with --nats")]
    NothingThere { stream: String },
    #[error(
        "move the log of {}: it is in {to} already; `boarding move --from jetstream` brings it back",
        folder.display()
    )]
    MovedAlready { folder: PathBuf, to: String },
    #[error(
        "move a log into {}: it has a log of its own, in its files; a log is moved into an empty folder or back to where it was moved from, never merged",
        folder.display()
    )]
    OwnLog { folder: PathBuf },
}

/// Moves a folder's log, tells how far it is, and marks the folder once everything is verified. Asked again
/// after any interruption it goes on.
///
/// # Errors
/// See [`FolderError`]. The log that is moved is never changed.
pub async fn move_folder(
    options: Options,
    tell: impl FnMut(Progress),
) -> Result<Moved, FolderError> {
    if options.way == Way::ToJetStream && !options.data.join("log").exists() {
        return Err(FolderError::NothingHere { folder: options.data });
    }
    let addresses = options.jetstream.server.shown()?;
    let stream = options.jetstream.stream.clone();
    let servers = ExclusivityCheck::connect(&options.jetstream.server).await?;
    servers.check_idle().await?;
    // Opening a log makes its stream, and opening a folder makes the folder.
    if options.way == Way::FromJetStream
        && servers.messages(&stream).await?.unwrap_or_default() == 0
    {
        return Err(FolderError::NothingThere { stream });
    }
    let folder = DataDir::open(&options.data)?;
    check_folder(&folder, options.way)?;
    let has_published = servers.has_published().await?;
    let place = format!("stream {stream} at {}", addresses.join(","));
    let (progress, companies) = match options.way {
        Way::ToJetStream => to_jetstream(options, &folder, &servers, &place, tell).await?,
        Way::FromJetStream => from_jetstream(options, &folder, &servers, &place, tell).await?,
    };
    let has_files = std::fs::read_dir(folder.files()).is_ok_and(|mut files| files.next().is_some());
    Ok(Moved { progress, companies, stream, servers: addresses, has_files, has_published })
}

/// Whether a log may move out of this folder, or into it.
fn check_folder(folder: &DataDir, way: Way) -> Result<(), FolderError> {
    let path = || folder.path().to_owned();
    match (way, folder.moved_to()?, folder.has_log()?) {
        // Half of a log that is elsewhere would pass for all of it.
        (Way::ToJetStream, Some(to), _) => Err(FolderError::MovedAlready { folder: path(), to }),
        (Way::ToJetStream, None, false) => Err(FolderError::NothingHere { folder: path() }),
        (Way::FromJetStream, None, true) => Err(FolderError::OwnLog { folder: path() }),
        _ => Ok(()),
    }
}

async fn to_jetstream(
    options: Options,
    folder: &DataDir,
    servers: &ExclusivityCheck,
    place: &str,
    tell: impl FnMut(Progress),
) -> Result<(Progress, usize), FolderError> {
    let source = open_files(folder, &options.clock).await?;
    if source.end() == 0 {
        return Err(FolderError::NothingHere { folder: options.data });
    }
    let target = open_jetstream(options.jetstream).await?;
    let progress = move_log(&source, &target, tell).await?;
    servers.check_idle().await?;
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
    tell: impl FnMut(Progress),
) -> Result<(Progress, usize), FolderError> {
    let source = open_jetstream(options.jetstream).await?;
    if folder.moved_to()?.is_none() {
        // Before the first commit: until the last one is verified, the files hold only a beginning.
        folder.mark_moved(place)?;
    }
    let target = open_files(folder, &options.clock).await?;
    let progress = move_log(&source, &target, tell).await?;
    servers.check_idle().await?;
    let companies = target.companies().len();
    close(target).await;
    folder.mark_returned()?;
    Ok((progress, companies))
}

async fn open_files(folder: &DataDir, clock: &Clock) -> Result<Arc<dyn EventLog>, FolderError> {
    let (path, mut options) = (folder.log(), file::Options::new(clock.now()));
    // Nobody asks for commands here, and there may be millions.
    options.commands_indexed_up_to = u64::MAX;
    let opened = blocking(move || FileLog::open(&path, options)).await?;
    if let Some(torn) = &opened.torn {
        let (bytes, kept) = (torn.bytes, torn.kept.display());
        tracing::warn!(bytes, %kept, "the end of an interrupted write was cut off the log and kept");
    }
    Ok(Arc::new(opened.log))
}

async fn open_jetstream(options: jetstream::Options) -> Result<Arc<dyn EventLog>, FolderError> {
    let log = blocking(move || JetStreamLog::open(options)).await?;
    log.forget_commands_up_to(u64::MAX);
    Ok(Arc::new(log))
}

/// Waits until everything about the log is on the disk.
async fn close(log: Arc<dyn EventLog>) {
    blocking(move || drop(log)).await;
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await.map_err(JoinError::into_panic) {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
