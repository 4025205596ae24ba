//! The folder of derived data.

use std::fs;
use std::io::ErrorKind;

use super::{DERIVED, DataDir, DataDirError, failed, make_folder, sync};

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
