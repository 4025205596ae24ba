//! Opens and verifies the folder of a log, and cuts off a torn tail.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use tokio::sync::{mpsc, watch};

use super::FileLog;
use super::copied;
use super::error::{OpenError, io_error};
use super::frame::{LogId, SEGMENT_HEADER, SegmentHeader};
use super::heads::{self, HeadsFile};
use super::index::{Index, Segment};
use super::options::Options;
use super::recover::{self, CommitVisitor, Depth, LastSegment, Recovered, recover};
use super::salvage::salvage;
use super::segment::{self, SegmentFile};
use super::shared::Inner;
use super::writer::Writer;
use crate::random::random_bytes;

/// The most appends that wait for the writer. If each has one commit, they fill the next frame while the writer
/// writes one.
const QUEUED_APPENDS_MAX: usize = 1_024;

/// The most copies of torn tails at one offset. An opening that fails after its copy makes another copy next time.
const TORN_COPIES_MAX: usize = 1_000;

/// An opened log, and what recovery found.
#[derive(Debug)]
pub struct Opened {
    pub log: FileLog,
    /// How many commits it has.
    pub commits: u64,
    /// The torn tail that was cut off. It was never acknowledged.
    pub torn: Option<TornTail>,
    /// The new path of the heads file if it was damaged. The log itself is intact.
    pub heads_set_aside: Option<PathBuf>,
    /// The log's folder that this one was copied from while that was in use. This log was completed from there.
    pub completed_from: Option<PathBuf>,
}

/// A torn tail: the rest of an interrupted write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    pub segment: String,
    pub offset: u64,
    pub bytes: u64,
    /// The file with a copy of the bytes.
    pub kept: PathBuf,
}

/// The result of verifying a whole log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checked {
    /// The log's id; none if there is no segment.
    pub log: Option<LogId>,
    pub end: u64,
    pub commits: u64,
    pub companies: usize,
    /// The size of a torn tail, in bytes; the next opening cuts it off.
    pub torn_bytes: u64,
}

impl FileLog {
    /// Opens the log in a folder and checks all of it. Creates the folder if it does not exist.
    ///
    /// # Errors
    /// When a file cannot be read or written, or the log is damaged, of a newer format, or shorter than
    /// it was.
    pub fn open(folder: &Path, options: Options) -> Result<Opened, OpenError> {
        make_folder(folder)?;
        let heads_file = heads::read(folder).map_err(io_error("read the heads in", folder))?;
        let from = options.commands_indexed_up_to;
        let read = || recover(folder, &heads_file, Depth::Frames, from, None);
        let (found, completed_from) = match read() {
            Ok(found) if found.as_ref().is_none_or(|it| it.index.end >= options.expected_end) => {
                (found, None)
            }
            Err(error) if !error.is_damage() => return Err(error),
            outcome => {
                let expected_end = options.expected_end;
                match complete(folder, &heads_file, expected_end, outcome, read) {
                    // A damaged copy can be copied again, and nothing may follow its damage.
                    Err(error) if error.is_damage() && copied::original(folder).is_none() => {
                        let salvaged = salvage(folder, &heads_file, from)?;
                        (Some(salvaged.ok_or(error)?), None)
                    }
                    completed => completed?,
                }
            }
        };
        let end = found.as_ref().map_or(0, |found| found.index.end);
        if end < options.answered_up_to {
            return Err(OpenError::EndMissing { end, answered: options.answered_up_to });
        }
        remove_unfinished(folder)?;
        let mut heads_set_aside = None;
        if matches!(heads_file, HeadsFile::Damaged) {
            let aside = heads::set_aside(folder).map_err(io_error("set aside heads in", folder))?;
            tracing::warn!(kept = %aside.display(), "heads file damaged, moved aside");
            heads_set_aside = Some(aside);
        }
        let (found, file, torn) = match found {
            Some(found) => resume(found, &options)?,
            None => begin(folder, &options)?,
        };
        let commits = found.index.commits;
        let log = start(folder, found, file, options)?;
        if let Err(error) = copied::write_place(folder) {
            tracing::warn!(%error, folder = %folder.display(), "writing the place file failed");
        }
        Ok(Opened { log, commits, torn, heads_set_aside, completed_from })
    }
}

/// Completes the log of a copy and reads it again. Otherwise the first outcome stays.
fn complete(
    folder: &Path,
    heads_file: &HeadsFile,
    expected_end: u64,
    outcome: Result<Option<Recovered>, OpenError>,
    read: impl FnOnce() -> Result<Option<Recovered>, OpenError>,
) -> Result<(Option<Recovered>, Option<PathBuf>), OpenError> {
    let heads_end = match heads_file {
        HeadsFile::Heads(heads) => heads.end,
        HeadsFile::Missing | HeadsFile::Damaged => 0,
    };
    let Some(completed) = copied::complete(folder, heads_end, expected_end)? else {
        return Ok((outcome?, None));
    };
    match read() {
        Ok(found) if found.as_ref().is_some_and(|found| found.index.end >= expected_end) => {
            let original = completed.keep();
            tracing::warn!(folder = %folder.display(), original = %original.display(), "the log of a copy was completed from its original");
            Ok((found, Some(original)))
        }
        _ => {
            completed.revert()?;
            Ok((outcome?, None))
        }
    }
}

/// Verifies the log in a folder completely, with every hash. It changes no file.
///
/// # Errors
/// When a file cannot be read, or the log is damaged, of a newer format, or shorter than it was.
pub fn verify(folder: &Path) -> Result<Checked, OpenError> {
    verify_with(folder, None)
}

/// As [`verify`], and shows each commit to a visitor. An engine may write the log at the same time: a frame that it has
/// not finished looks like a torn tail.
///
/// # Errors
/// As [`verify`]; and what the visitor finds wrong, as damage.
pub fn verify_with(
    folder: &Path,
    visitor: Option<&mut dyn CommitVisitor>,
) -> Result<Checked, OpenError> {
    // The heads come first: those of a log in use may be newer than the commits that are read afterwards.
    let heads_file = heads::read(folder).map_err(io_error("read the heads in", folder))?;
    let found = recover(folder, &heads_file, Depth::Everything, u64::MAX, visitor)?;
    Ok(found.map_or_else(Checked::default, |found| Checked {
        log: Some(found.log),
        end: found.index.end,
        commits: found.index.commits,
        companies: found.index.streams.len(),
        torn_bytes: found.last.torn.map_or(0, |torn| torn.len() as u64),
    }))
}

/// The id of the log in a folder; none if it has no segment.
///
/// # Errors
/// When the first segment cannot be read, or is none.
pub fn log_id(folder: &Path) -> Result<Option<LogId>, OpenError> {
    recover::first_log_id(folder)
}

/// Creates the folder and makes its name durable.
fn make_folder(folder: &Path) -> Result<(), OpenError> {
    fs::create_dir_all(folder).map_err(io_error("make the log's folder", folder))?;
    let sync =
        |folder: &Path| segment::sync_folder(folder).map_err(io_error("sync the folder", folder));
    sync(folder)?;
    folder.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync)
}

fn remove_unfinished(folder: &Path) -> Result<(), OpenError> {
    for entry in fs::read_dir(folder).map_err(io_error("list the log's folder", folder))? {
        let path = entry.map_err(io_error("list the log's folder", folder))?.path();
        segment::remove_unfinished(&path).map_err(io_error("remove the unfinished", &path))?;
    }
    Ok(())
}

type Ready = (Recovered, SegmentFile, Option<TornTail>);

/// Makes the first segment.
fn begin(folder: &Path, options: &Options) -> Result<Ready, OpenError> {
    let error = || io_error("make the first segment in", folder);
    let log: LogId = random_bytes().map_err(error())?;
    let created = options.created.0;
    let header = SegmentHeader { log, first_position: 1, created, ordinal: 0, previous: 0 };
    let file = SegmentFile::create(folder, header, options.first_segment_bytes(), &options.steps);
    let file = file.map_err(error())?;
    let commands_indexed_up_to = options.commands_indexed_up_to;
    let index =
        Index { segments: vec![Segment::new(1)], commands_indexed_up_to, ..Index::default() };
    let last =
        LastSegment { path: file.path().to_owned(), end: SEGMENT_HEADER, ..LastSegment::default() };
    Ok((Recovered { index, log, previous: 0, last }, file, None))
}

/// Prepares the last segment for appending: cuts off a torn tail and makes the rest durable. Commits that readers
/// see now must not be lost later.
fn resume(mut found: Recovered, options: &Options) -> Result<Ready, OpenError> {
    let path = found.last.path.clone();
    let torn = match found.last.torn.take() {
        Some(bytes) => Some(keep(&path, found.last.end, &bytes)?),
        None => None,
    };
    let is_first = found.index.segments.len() == 1;
    let capacity = if is_first { options.first_segment_bytes() } else { options.segment_bytes };
    let file = SegmentFile::reopen(&path, capacity, &options.steps)
        .map_err(io_error("open segment", &path))?;
    if torn.is_some() {
        let cut = file.cut(found.last.end as u64);
        cut.map_err(io_error("cut the torn tail off segment", &path))?;
    }
    // The last frame is written again. After a failed sync, the kernel may treat its pages as clean although they
    // never reached the disk.
    if let Some((offset, frame)) = found.last.frame.take() {
        let written = file.write(&frame, offset as u64);
        written.map_err(io_error("write the last frame of segment", &path))?;
    }
    file.sync().map_err(io_error("sync segment", &path))?;
    Ok((found, file, torn))
}

/// Saves a copy of a torn tail beside its segment.
fn keep(segment: &Path, offset: usize, bytes: &[u8]) -> Result<TornTail, OpenError> {
    let (kept, mut copy) = create_copy(segment, offset)?;
    copy.write_all(bytes)
        .and_then(|()| copy.sync_all())
        .and_then(|()| segment::sync_folder(segment.parent().unwrap_or(Path::new("."))))
        .map_err(io_error("keep the torn tail in", &kept))?;
    let name = segment.file_name().map(|name| name.to_string_lossy().into_owned());
    let torn = TornTail {
        segment: name.unwrap_or_default(),
        offset: offset as u64,
        bytes: bytes.len() as u64,
        kept,
    };
    tracing::warn!(
        segment = torn.segment, offset, bytes = torn.bytes, kept = %torn.kept.display(),
        "torn tail cut off; it had not been acknowledged"
    );
    Ok(torn)
}

fn create_copy(segment: &Path, offset: usize) -> Result<(PathBuf, File), OpenError> {
    let mut path = segment.with_extension(format!("{offset}.torn"));
    for number in 1..TORN_COPIES_MAX {
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                path = segment.with_extension(format!("{offset}-{number}.torn"));
            }
            Err(error) => return Err(io_error("keep the torn tail in", &path)(error)),
        }
    }
    let error = io::Error::other(format!("{TORN_COPIES_MAX} copies exist already; move them away"));
    Err(io_error("keep the torn tail in", &path)(error))
}

/// Starts the writer.
fn start(
    folder: &Path,
    found: Recovered,
    file: SegmentFile,
    options: Options,
) -> Result<FileLog, OpenError> {
    let Recovered { index, log, previous, last } = found;
    let (position, segments, is_damaged) = (index.end, index.segments.len(), index.is_damaged());
    let inner = Arc::new(Inner {
        folder: folder.to_owned(),
        log,
        index: RwLock::new(index),
        files: super::files::Files::default(),
        end: watch::Sender::new(position),
        failure: watch::Sender::new(None),
    });
    let writer = Writer {
        inner: Arc::clone(&inner),
        file,
        segment: u32::try_from(segments - 1).unwrap_or(u32::MAX),
        offset: last.end as u64,
        position,
        previous,
        segment_bytes: options.segment_bytes,
        steps: options.steps,
        is_damaged,
        broken: None,
    };
    let (calls, receiver) = mpsc::channel(QUEUED_APPENDS_MAX);
    let writer = std::thread::Builder::new()
        .name("log-writer".to_owned())
        .spawn(move || writer.run(receiver))
        .map_err(io_error("start the writer of", folder))?;
    Ok(FileLog { inner, calls: Some(calls), writer: Some(writer) })
}
