//! Where a backup is kept: a folder, or a bucket of an object store.

use std::collections::HashMap;
use std::fmt;
use std::io::Read;

use tempfile::NamedTempFile;

use super::error::BackupError;

/// The beginning of the names of objects that are not whole yet.
pub(super) const DRAFT: &str = ".unfinished-";

/// A place with named objects and one manifest. Its methods block.
pub trait Place: Send + fmt::Debug {
    /// The name of an object, or of the place, in messages.
    fn shown(&self, object: Option<&str>) -> String;

    /// The bytes of the manifest; none if there is no complete backup.
    ///
    /// # Errors
    /// When the place cannot be read.
    fn manifest(&self) -> Result<Option<Vec<u8>>, BackupError>;

    /// The lengths of all objects in bytes, by their names.
    ///
    /// # Errors
    /// When the place cannot be read.
    fn objects(&self) -> Result<HashMap<String, u64>, BackupError>;

    /// Opens an object; none if it does not exist.
    ///
    /// # Errors
    /// When the place cannot be read.
    fn open(&self, object: &str) -> Result<Option<Box<dyn Read + '_>>, BackupError>;

    /// Makes a file for an object that is not whole yet.
    ///
    /// # Errors
    /// When it cannot be made.
    fn draft(&self) -> Result<NamedTempFile, BackupError>;

    /// Gives a draft the name of an object. The object is durable when the next manifest is.
    ///
    /// # Errors
    /// When the place cannot be written.
    fn put(&self, object: &str, draft: NamedTempFile) -> Result<(), BackupError>;

    /// Replaces the manifest, all of it or nothing. It is durable on return.
    ///
    /// # Errors
    /// When the place cannot be written.
    fn put_manifest(&self, bytes: &[u8]) -> Result<(), BackupError>;

    /// Removes an object.
    ///
    /// # Errors
    /// When the place cannot be written.
    fn remove(&self, object: &str) -> Result<(), BackupError>;
}
