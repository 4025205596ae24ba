//! The folder of derived data.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::{DERIVED, DataDir, DataDirError, failed, make_folder, sync, write_once};

/// The file that says what the log had lost when the derived data were made.
const DAMAGE: &str = "DAMAGE";

impl DataDir {
    /// Copies the derived data of the folder to their other place, if they have one.
    ///
    /// # Errors
    /// When they cannot be copied.
    pub(crate) fn copy_derived(&self) -> Result<(), DataDirError> {
        let (Some(copy), from) = (&self.derived_copy, self.path.join(DERIVED)) else {
            return Ok(());
        };
        copy.fill(&from).map_err(|source| failed("copy", &from, source))
    }

    /// Whether the derived data were made from a log with other damage than this.
    ///
    /// # Errors
    /// When a file with the text cannot be read.
    pub(crate) fn is_derived_of_other_damage(&self, damage: &str) -> Result<bool, DataDirError> {
        let of = |path: PathBuf| match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(source) => Err(failed("read", &path, source)),
        };
        Ok(of(self.path.join(DAMAGE))? != damage || of(self.derived().join(DAMAGE))? != damage)
    }

    /// Empties the derived data, and records the damage of the log from which they are made now. The text stands twice: inside
    /// them, because they may be moved, and outside, because the store may begin anew.
    ///
    /// # Errors
    /// When files cannot be removed or written.
    pub(crate) fn begin_derived(&self, damage: &str) -> Result<(), DataDirError> {
        self.empty_derived()?;
        let path = self.path.join(DAMAGE);
        if damage.is_empty() {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(failed("remove", &path, error));
                }
                _ => {}
            }
        } else {
            write_once(&self.derived().join(DAMAGE), damage.as_bytes())?;
            write_once(&path, damage.as_bytes())?;
        }
        sync(&self.derived())?;
        sync(&self.path)
    }

    /// Removes the derived data. The next opening makes it again from the log.
    ///
    /// # Errors
    /// When files cannot be removed.
    pub fn empty_derived(&self) -> Result<(), DataDirError> {
        let derived = self.derived();
        let failed =
            |source| DataDirError::Io { operation: "empty", path: derived.clone(), source };
        for entry in fs::read_dir(&derived).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            match path.is_dir() {
                true => fs::remove_dir_all(&path).map_err(failed)?,
                false => fs::remove_file(&path).map_err(failed)?,
            }
        }
        sync(&derived)
    }

    /// Removes derived data. The folder is renamed first, because a partly removed folder could look complete.
    pub(super) fn remove_derived(&self) -> Result<(), DataDirError> {
        let (derived, aside) = (self.derived(), self.path.join("derived.removed"));
        let ignore_missing = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound => Ok(()),
            _ => Err(failed("remove", &aside, error)),
        };
        fs::remove_dir_all(&aside).or_else(ignore_missing)?;
        fs::rename(&derived, &aside).or_else(ignore_missing)?;
        make_folder(&derived)?;
        sync(&self.path)?;
        fs::remove_dir_all(&aside).or_else(ignore_missing)
    }
}
