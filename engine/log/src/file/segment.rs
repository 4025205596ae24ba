//! The file of a segment: created atomically, written at an offset, synced.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};

use super::frame::SegmentHeader;
use super::options::{Step, Steps};

/// The extension of segment files. The name is the first position in twenty digits.
pub(super) const ENDING: &str = ".log";
const UNFINISHED: &str = ".tmp";
/// The end of the names of former segments in a copy that was completed.
pub(super) const FORMER: &str = ".former";

/// The segment that the writer appends to.
#[derive(Debug)]
pub(super) struct SegmentFile {
    file: File,
    path: PathBuf,
    /// The size that is reserved, in bytes.
    pub(super) capacity: u64,
    steps: Steps,
}

/// The file name of the segment that begins with a position.
pub(super) fn name(first_position: u64) -> String {
    format!("{first_position:020}{ENDING}")
}

/// The first position of the segment with this file name; `None` for other files.
pub(super) fn position_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(ENDING)?;
    (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| digits.parse().ok())?
}

impl SegmentFile {
    /// Creates a segment.
    pub(super) fn create(
        folder: &Path,
        header: SegmentHeader,
        capacity: u64,
        steps: &Steps,
    ) -> io::Result<Self> {
        let path = folder.join(name(header.first_position));
        let unfinished = path.with_extension("log.tmp");
        // The file gets its name last, when its space and header are durable. So a crash never leaves a
        // segment without a valid header.
        steps.pass(Step::Create)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&unfinished)?;
        reserve(&file, capacity)?;
        file.write_all_at(&header.to_bytes(), 0)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        // Without this sync, a loss of power could remove the name of a segment that already has commits.
        sync_folder(folder)?;
        Ok(Self { file, path, capacity, steps: steps.clone() })
    }

    /// Opens the last segment for appending and reserves its full size.
    pub(super) fn reopen(path: &Path, capacity: u64, steps: &Steps) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let capacity = capacity.max(file.metadata()?.len());
        reserve(&file, capacity)?;
        Ok(Self { file, path: path.to_owned(), capacity, steps: steps.clone() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Fails if another file has the name of the segment: then a write would go into a file that is not read again.
    pub(super) fn check_in_place(&self) -> io::Result<()> {
        let id = |file: fs::Metadata| (file.dev(), file.ino());
        let named = fs::metadata(&self.path).map(id)?;
        if self.file.metadata().map(id)? == named {
            return Ok(());
        }
        Err(io::Error::other("the file was replaced while the program runs"))
    }

    pub(super) fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.steps.pass(Step::Write)?;
        self.file.write_all_at(bytes, offset)
    }

    /// Makes everything written durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.steps.pass(Step::Sync)?;
        self.file.sync_data()
    }

    /// Truncates the file at an offset and reserves its space again, which then reads as zeros.
    pub(super) fn cut(&self, offset: u64) -> io::Result<()> {
        self.file.set_len(offset)?;
        reserve(&self.file, self.capacity)?;
        self.file.sync_all()
    }

    /// Frees the unused space. The segment is not written afterwards.
    pub(super) fn seal(&self, end: u64) -> io::Result<()> {
        self.file.set_len(end)
    }
}

/// Removes the temporary file of a segment whose creation was interrupted, and the former bytes of one that was completed. The
/// log was read without them.
pub(super) fn remove_unfinished(path: &Path) -> io::Result<bool> {
    let is = path.to_str().is_some_and(|path| path.ends_with(UNFINISHED) || path.ends_with(FORMER));
    if is {
        fs::remove_file(path)?;
    }
    Ok(is)
}

/// Makes creations and renames in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Reserves space on the disk now, so that a later write cannot fail on a full disk and a sync has less
/// to do. A file system without this feature gets a sparse file that reads as zeros.
fn reserve(file: &File, capacity: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, capacity) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            if file.metadata()?.len() < capacity {
                file.set_len(capacity)?;
            }
            Ok(())
        }
        Err(errno) => Err(errno.into()),
    }
}
