//! A copy of derived data outside the data folder, for an engine that only reads: its read models go on in the copy.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The beginning of the names of copies. The id of the process follows.
const PREFIX: &str = "boarding-reading-";

/// Counts the copies of this process.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A folder in memory, which is used if the folder for temporary files cannot be written.
const IN_MEMORY: &str = "/dev/shm";

/// A folder for temporary files that only its owner may read, because it holds personal data. It is removed when it is
/// dropped. One that a killed process has left is removed by the next one.
#[derive(Debug)]
pub(crate) struct DerivedCopy {
    folder: PathBuf,
}

impl DerivedCopy {
    /// Makes an empty folder.
    ///
    /// # Errors
    /// When no place for temporary files can be written.
    pub(crate) fn make() -> io::Result<Self> {
        let make = |place: PathBuf| {
            remove_left(&place);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let folder = place.join(format!("{PREFIX}{}-{number}", std::process::id()));
            DirBuilder::new().mode(0o700).create(&folder).map(|()| Self { folder })
        };
        make(std::env::temp_dir()).or_else(|error| make(IN_MEMORY.into()).map_err(|_| error))
    }

    /// The folder of the copied data.
    pub(crate) fn derived(&self) -> PathBuf {
        self.folder.join("derived")
    }

    /// Copies derived data, in place of an earlier copy. If another process changes them meanwhile, the copy may not be
    /// whole, which opening the read models detects.
    ///
    /// # Errors
    /// When a file cannot be read, or the copy cannot be written.
    pub(crate) fn fill(&self, from: &Path) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            fs::remove_dir_all(entry?.path())?;
        }
        copy(from, &self.derived())
    }
}

impl Drop for DerivedCopy {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::warn!(%error, folder = %self.folder.display(), "removing a copy of derived data failed");
        }
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(to)?;
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let copied = match entry.file_type()?.is_dir() {
            true => copy(&path, &target),
            false => fs::copy(&path, &target).map(|_| ()),
        };
        match copied {
            // The other process has removed it.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            copied => copied?,
        }
    }
    Ok(())
}

/// Removes the copies of processes that have ended. Those of other users stay, because they cannot be removed.
fn remove_left(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        let has_ended = |process: &str| {
            process.parse::<u32>().is_ok() && !Path::new("/proc").join(process).exists()
        };
        if Path::new("/proc/self").exists() && process.is_some_and(has_ended) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_of_an_ended_process_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let name = |process: u32| place.path().join(format!("{PREFIX}{process}-0"));
        let (ended, running) = (name(u32::MAX), name(std::process::id()));
        for folder in [&ended, &running] {
            fs::create_dir(folder).unwrap();
        }
        remove_left(place.path());
        assert_eq!((ended.exists(), running.exists()), (false, true));
    }
}
