//! The folder of derived data.

use std::fs;
use std::io::ErrorKind;

use super::{DERIVED, DataDir, DataDirError, failed, make_folder, sync, write_once};

/// The file that says what the log had lost when the derived data were made. It is outside of them, so that it stays when they
/// are removed.
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

    /// What the log had lost when the derived data were made from it, as text; empty if nothing.
    ///
    /// # Errors
    /// When the file with the text cannot be read.
    pub(crate) fn damage_of_derived(&self) -> Result<String, DataDirError> {
        let path = self.path.join(DAMAGE);
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            read => read.map_err(|source| failed("read", &path, source)),
        }
    }

    /// Empties the derived data, and records what the log has lost from which they are made now.
    ///
    /// # Errors
    /// When files cannot be removed or written.
    pub(crate) fn begin_derived(&self, damage_text: &str) -> Result<(), DataDirError> {
        self.empty_derived()?;
        let path = self.path.join(DAMAGE);
        match damage_text {
            "" => fs::remove_file(&path).map_err(|source| failed("remove", &path, source))?,
            damage_text => write_once(&path, damage_text.as_bytes())?,
        }
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
