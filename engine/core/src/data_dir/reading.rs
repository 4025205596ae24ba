//! A data folder that is only read.

use std::path::PathBuf;
use std::sync::Mutex;

use super::{DataDir, DataDirError, check_existing_format, secret};
use crate::derived_copy::DerivedCopy;

impl DataDir {
    /// Opens a data folder to read it, with a copy of its derived data at another place. Another process may use the
    /// folder, and nothing in it is changed.
    ///
    /// # Errors
    /// When it has a newer format or is not a data folder, its secret is exposed, or it cannot be read.
    pub(crate) fn open_to_read(
        path: impl Into<PathBuf>,
        derived_copy: DerivedCopy,
    ) -> Result<Self, DataDirError> {
        let path = path.into();
        check_existing_format(&path)?;
        let (secret, is_kept) = secret(&path.join("secret"), false)?;
        let (is_kept, derived_copy) = (Mutex::new(is_kept), Some(derived_copy));
        Ok(Self { path, secret, is_kept, lock: None, derived_copy })
    }
}
