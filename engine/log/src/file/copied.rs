//! Completes a copy of a folder that was in use, from the folder that it was copied from.
//!
//! Files that are copied one after another are of different moments. So the segments of a copy may end before the
//! position that other files of the copy name. The same is true for a folder that has lost the end of its log. The rule
//! that tells them apart: the original still exists, and its log begins with all that the copy has. Then nothing is lost.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::error::{OpenError, io_error};
use super::frame::{FrameHeader, LogId, SEGMENT_HEADER};
use super::recover::{first_log_id, list};
use super::segment::{self, sync_folder};
use super::tail::{SECTOR, last_used};

/// The file that names the folder itself. In a copy it names the original.
pub(super) const NAME: &str = "place";
const FIRST_LINE: &str = "boarding place 2";

/// A segment of the copy that is replaced, and its new bytes.
struct Replacement {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// The folder that this one was copied from, if it still exists. A folder that was moved is no copy, and neither is one that
/// another folder has taken the place of.
pub fn original(folder: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(folder.join(NAME)).ok()?;
    let mut lines = text.strip_prefix(FIRST_LINE)?.trim_matches('\n').lines();
    let (named, written) = (PathBuf::from(lines.next()?), lines.next()?);
    let is_original = id(&named).ok()? == written;
    (is_original && id(folder).ok()? != written).then_some(named)
}

/// The place of a folder on the disk: a move inside the disk keeps it, and a copy has another.
fn id(folder: &Path) -> io::Result<String> {
    fs::metadata(folder).map(|it| format!("{}:{}", it.dev(), it.ino()))
}

/// Writes the folder's own path and its place on the disk, unless the file names them already. A file that names another folder
/// is removed if that fails.
pub(super) fn write_place(folder: &Path) -> io::Result<()> {
    let path = folder.join(NAME);
    let write = || {
        let own = fs::canonicalize(folder)?;
        // A path that is not Unicode, or has a line break, cannot be a line. Then copies are not completed.
        let own = own.to_str().filter(|own| !own.contains('\n')).ok_or(ErrorKind::InvalidInput)?;
        let text = format!("{FIRST_LINE}\n{own}\n{}\n", id(folder)?);
        match fs::read_to_string(&path) {
            Ok(known) if known == text => Ok(()),
            _ => replace(&path, text.as_bytes()),
        }
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&path);
    })
}

/// A log that was completed. The former segments are kept until the log has been read.
#[derive(Debug)]
pub(super) struct Completed {
    pub(super) original: PathBuf,
    /// The path of each replaced segment, and that of its former bytes. A segment that was added has none.
    replaced: Vec<(PathBuf, Option<PathBuf>)>,
}

impl Completed {
    /// Replaces or adds a segment. At every moment its name points to the former or to the new bytes.
    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let former = path.exists().then(|| path.with_extension(format!("log{}", segment::FORMER)));
        if let Some(former) = &former {
            match fs::remove_file(former) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => fs::copy(path, former)?,
            };
        }
        replace(path, bytes)?;
        self.replaced.push((path.to_owned(), former));
        Ok(())
    }

    /// Removes the former segments: the completed log is right.
    pub(super) fn keep(self) -> PathBuf {
        for former in self.replaced.into_iter().filter_map(|(_, former)| former) {
            // A file that cannot be removed does no harm.
            let _ = fs::remove_file(former);
        }
        self.original
    }

    /// Puts the former segments back: the completed log is not right either.
    ///
    /// # Errors
    /// When files cannot be renamed.
    pub(super) fn revert(self) -> Result<(), OpenError> {
        for (path, former) in self.replaced {
            let reverted = match former {
                Some(former) => fs::rename(former, &path),
                None => fs::remove_file(&path),
            };
            reverted.map_err(io_error("put back segment", &path))?;
        }
        Ok(())
    }
}

/// Completes the log of a copy from its original: up to the position of the heads file, that of other files, and all that
/// the copy has bytes of.
/// Returns what was done, or none if nothing was changed.
///
/// # Errors
/// When files cannot be read or written.
pub(super) fn complete(
    folder: &Path,
    heads_end: u64,
    expected_end: u64,
) -> Result<Option<Completed>, OpenError> {
    let Some(original) = original(folder) else { return Ok(None) };
    let (own, other) = (first_log_id(folder), first_log_id(&original));
    let (Ok(Some(log)), Ok(Some(other))) = (own, other) else { return Ok(None) };
    if log != other {
        return Ok(None);
    }
    let Some(replacements) = plan(folder, &original, heads_end, expected_end, &log)? else {
        return Ok(None);
    };
    if replacements.is_empty() {
        return Ok(None);
    }
    let mut completed = Completed { original, replaced: Vec::new() };
    for Replacement { path, bytes } in replacements {
        if let Err(error) = completed.replace(&path, &bytes) {
            let failed = io_error("complete segment", &path)(error);
            completed.revert()?;
            return Err(failed);
        }
    }
    Ok(Some(completed))
}

/// The segments to replace. `None` if the copy has anything that the original never had.
fn plan(
    folder: &Path,
    original: &Path,
    heads_end: u64,
    expected_end: u64,
    log: &LogId,
) -> Result<Option<Vec<Replacement>>, OpenError> {
    let (segments, own) = (list(original)?, list(folder)?);
    let is_beginning = own.iter().zip(&segments).all(|((own, _), (first, _))| own == first);
    // A segment that is named by the heads file with commits was there before the copy began. So it was removed.
    let is_removed = segments.get(own.len()).is_some_and(|(first, _)| *first <= heads_end);
    if own.len() > segments.len() || !is_beginning || is_removed {
        return Ok(None);
    }
    // The segments before the last one of the copy are needed whole.
    let before_last = own.last().map_or(0, |(first, _)| first.saturating_sub(1));
    let needed = heads_end.max(expected_end).max(before_last);
    let mut replacements = Vec::new();
    for (first, source) in segments {
        let path = folder.join(segment::name(first));
        let own = match fs::read(&path) {
            Ok(bytes) => bytes,
            // A new segment without commits may be named by the heads file together with the position before it.
            Err(_) if !path.exists() && first > needed.saturating_add(1) => break,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(io_error("read segment", &path)(error)),
        };
        let whole = fs::read(&source).map_err(io_error("read segment", &source))?;
        let own_end = frames_end(&own, log, |_, _| true);
        let used = last_used(&own);
        if !is_earlier(own.get(..used).unwrap_or_default(), &whole) {
            return Ok(None);
        }
        let end = frames_end(&whole, log, |at, position| at < used || position <= needed);
        if end > own_end {
            let bytes = whole.get(..end).unwrap_or_default().to_vec();
            replacements.push(Replacement { path, bytes });
        }
    }
    Ok(Some(replacements))
}

/// Whether the bytes were read while these were written: each sector begins as it is now, and the rest of it is zeros.
/// Every other difference is damage.
fn is_earlier(bytes: &[u8], now: &[u8]) -> bool {
    bytes.len() <= now.len()
        && bytes.chunks(SECTOR).zip(now.chunks(SECTOR)).all(|(bytes, now)| {
            let used = last_used(bytes);
            bytes.get(..used) == now.get(..used)
        })
}

/// The end of the whole frames at the beginning of a segment, as long as frames at their offset and first position are
/// wanted. 0 if the segment has no whole header.
fn frames_end(bytes: &[u8], log: &LogId, is_wanted: impl Fn(usize, u64) -> bool) -> usize {
    if bytes.len() < SEGMENT_HEADER {
        return 0;
    }
    let mut at = SEGMENT_HEADER;
    while let Some(rest) = bytes.get(at..)
        && let Some(header) = FrameHeader::parse(rest, log)
        && header.payload(rest).is_some()
        && is_wanted(at, header.first_position)
    {
        at += header.total();
    }
    at
}

/// Replaces a file. Its name never points to a part of the bytes.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".tmp");
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}
