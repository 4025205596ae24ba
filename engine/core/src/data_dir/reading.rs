//! A data folder that is only read.

use std::path::PathBuf;
use std::sync::Mutex;

use super::{DERIVED, DataDir, DataDirError, Secret, check_existing_format, failed, secret};
use crate::derived_copy::DerivedCopy;

impl DataDir {
    /// Opens a data folder to read it, with a copy of its derived data at another place. Another process may use the
    /// folder, and nothing in it is changed.
    ///
    /// # Errors
    /// When it has a newer format or is not a data folder, it cannot be read, or no place takes the copy.
    pub(crate) fn open_to_read(path: impl Into<PathBuf>) -> Result<Self, DataDirError> {
        let path = path.into();
        check_existing_format(&path)?;
        let stored = path.join("secret");
        // A reader sends no mail. So without the right to read the secret, another one does as well.
        let (secret, is_kept) = match secret(&stored, false) {
            Ok(found) => found,
            Err(_) => {
                (Secret::random().map_err(|source| failed("replace", &stored, source))?, false)
            }
        };
        let derived = path.join(DERIVED);
        let copy = DerivedCopy::of(&derived).map_err(|source| {
            failed("copy for reading (with TMPDIR, another place)", &derived, source)
        })?;
        let (is_kept, derived_copy) = (Mutex::new(is_kept), Some(copy));
        Ok(Self { path, secret, is_kept, lock: None, derived_copy })
    }

    /// Whether the folder is only read.
    pub(crate) fn is_only_read(&self) -> bool {
        self.derived_copy.is_some()
    }

    /// Removes the copy of the derived data, also while a query still uses the folder.
    pub(crate) fn remove_derived_copy(&self) {
        if let Some(copy) = &self.derived_copy {
            copy.remove();
        }
    }
}
