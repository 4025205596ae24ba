//! The mark of a data folder whose log was moved to JetStream.

use std::fs;
use std::io::ErrorKind;

use super::{DataDir, DataDirError, failed, has_entries, sync, write_once};

/// The file that marks the log as moved. It names the new place of the log.
const NAME: &str = "MOVED";

/// The text before the place.
const LINE: &str = "the log is in ";

impl DataDir {
    /// The new place of a log that was moved out of this folder; `None` if the log was not moved.
    ///
    /// # Errors
    /// When the mark cannot be read.
    pub fn moved_to(&self) -> Result<Option<String>, DataDirError> {
        let path = self.path.join(NAME);
        match fs::read_to_string(&path) {
            Ok(text) => {
                let text = text.trim();
                // A mark with unknown content still means that the log was moved.
                Ok(Some(text.strip_prefix(LINE).unwrap_or("another place").to_owned()))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed("read", &path, source)),
        }
    }

    /// Marks the log as moved. Removes derived data first, because its positions are those of the old log.
    ///
    /// # Errors
    /// When derived data cannot be removed or the mark cannot be written. Derived data may be removed then.
    pub fn mark_moved(&self, to: &str) -> Result<(), DataDirError> {
        self.remove_derived()?;
        write_once(&self.path.join(NAME), format!("{LINE}{to}\n").as_bytes())?;
        sync(&self.path)
    }

    /// Removes the mark: the files of this folder are the log again.
    ///
    /// # Errors
    /// When derived data or the mark cannot be removed. Then the log still counts as moved.
    pub fn mark_returned(&self) -> Result<(), DataDirError> {
        self.remove_derived()?;
        let path = self.path.join(NAME);
        fs::remove_file(&path).map_err(|source| failed("remove", &path, source))?;
        sync(&self.path)
    }

    /// Whether the folder contains log files.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn has_log(&self) -> Result<bool, DataDirError> {
        has_entries(&self.log())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moved_folder_keeps_its_target_and_drops_derived_data() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        assert_eq!(data.moved_to().unwrap(), None);
        let derive = || fs::write(data.derived().join("db"), "rows").unwrap();
        derive();
        data.mark_moved("stream A").unwrap();
        assert_eq!(data.moved_to().unwrap().as_deref(), Some("stream A"));
        assert!(!data.derived().join("db").exists());
        derive();
        // An earlier removal was interrupted and left this folder.
        fs::create_dir_all(folder.path().join("derived.removed/x")).unwrap();
        data.mark_returned().unwrap();
        assert_eq!(data.moved_to().unwrap(), None);
        assert!(!data.derived().join("db").exists() && data.derived().exists());
        assert!(!folder.path().join("derived.removed").exists());
    }

    #[test]
    fn mark_with_unknown_content_means_moved() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        fs::write(folder.path().join(NAME), "").unwrap();
        assert!(data.moved_to().unwrap().is_some());
    }
}
