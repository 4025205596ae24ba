//! A copy of derived data outside the data folder, for an engine that only reads: its read models go on in the copy.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use boarding_log::random_bytes;

/// The beginning of the names of copies. Random digits follow, so that no other user can take the name before.
const PREFIX: &str = "boarding-reading-";

/// Places for a copy after the usual one: it may be missing, full, or not writable.
const OTHER_PLACES: [&str; 2] = ["/tmp", "/dev/shm"];

/// A folder for temporary files that only its owner may read, because it holds personal data. It is removed when it is
/// dropped. One that a killed process has left is removed by the next one.
#[derive(Debug)]
pub(crate) struct DerivedCopy {
    folder: PathBuf,
    /// The folder, locked while the copy is used.
    _lock: File,
}

impl DerivedCopy {
    /// Copies derived data to the first place that takes them.
    ///
    /// # Errors
    /// Why the usual place does not take them, if no place does.
    pub(crate) fn of(from: &Path) -> io::Result<Self> {
        let copy = |place: &Path| {
            let copy = Self::make(place)?;
            copy.fill(from)?;
            Ok(copy)
        };
        let usual = copy(&std::env::temp_dir());
        usual.or_else(|error: io::Error| {
            OTHER_PLACES.iter().find_map(|place| copy(Path::new(place)).ok()).ok_or(error)
        })
    }

    fn make(place: &Path) -> io::Result<Self> {
        remove_left(place);
        let digits = u64::from_le_bytes(random_bytes()?);
        let folder = place.join(format!("{PREFIX}{digits:016x}"));
        DirBuilder::new().mode(0o700).create(&folder)?;
        let lock = File::open(&folder)?;
        lock.lock()?;
        Ok(Self { folder, _lock: lock })
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

    /// Removes the copy.
    pub(crate) fn remove(&self) {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(%error, folder = %self.folder.display(), "removing a copy of derived data failed");
            }
            _ => {}
        }
    }
}

impl Drop for DerivedCopy {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Removes the copies that killed processes have left in the usual places.
pub(crate) fn remove_all_left() {
    remove_left(&std::env::temp_dir());
    OTHER_PLACES.iter().for_each(|place| remove_left(Path::new(place)));
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

/// Removes the copies that no process uses. Those of other users stay, because they cannot be opened.
fn remove_left(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let is_copy = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_copy
            && let Ok(folder) = File::open(entry.path())
            && folder.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_that_no_process_uses_is_removed() {
        let (place, from) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(from.path().join("rows"), "ann").unwrap();
        let used = DerivedCopy::make(place.path()).unwrap();
        used.fill(from.path()).unwrap();
        let left = place.path().join(format!("{PREFIX}left"));
        fs::create_dir(&left).unwrap();
        remove_left(place.path());
        assert!(!left.exists());
        assert_eq!(fs::read_to_string(used.derived().join("rows")).unwrap(), "ann");
        drop(used);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
