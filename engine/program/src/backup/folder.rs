//! A backup in a folder, with a lock against a second backup.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::{BackupError, failed};
use super::manifest::NAME;
use super::place::{DRAFT, Place};

const OBJECTS: &str = "objects";
const LOCK: &str = "LOCK";
/// The name of a manifest that is not whole yet.
const UNFINISHED: &str = "manifest.unfinished";

/// The folder of a backup.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Kept while this process writes the backup.
    _lock: Option<File>,
}

impl Folder {
    /// The folder of a backup that is only read.
    pub fn existing(path: &Path) -> Self {
        Self { path: path.to_owned(), _lock: None }
    }

    /// Makes the folder of a backup of `data`, or opens that of an earlier backup, and locks it.
    ///
    /// # Errors
    /// When it holds something else, is in use, or cannot be written.
    pub fn for_backup(path: &Path, data: &Path) -> Result<Self, BackupError> {
        check_is_outside(data, path)?;
        make_folder(path)?;
        check_is_backup(path)?;
        make_folder(&path.join(OBJECTS))?;
        let lock_path = path.join(LOCK);
        let lock = create(&lock_path).map_err(failed("lock", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(BackupError::InUse { folder: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed("lock", &lock_path)(source)),
        }
    }

    pub(super) fn object(&self, object: &str) -> PathBuf {
        self.path.join(OBJECTS).join(object)
    }

    /// Makes the folder for a copy of a backup.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn for_copy(path: &Path) -> Result<Self, BackupError> {
        make_folder(&path.join(OBJECTS))?;
        Ok(Self::existing(path))
    }
}

impl Place for Folder {
    fn shown(&self, object: Option<&str>) -> String {
        match object {
            Some(object) => self.object(object).display().to_string(),
            None => self.path.display().to_string(),
        }
    }

    fn manifest(&self) -> Result<Option<Vec<u8>>, BackupError> {
        let path = self.path.join(NAME);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed("read", &path)(source)),
        }
    }

    fn objects(&self) -> Result<HashMap<String, u64>, BackupError> {
        let folder = self.path.join(OBJECTS);
        let mut objects = HashMap::new();
        for entry in fs::read_dir(&folder).map_err(failed("list", &folder))? {
            let entry = entry.map_err(failed("list", &folder))?;
            let length = entry.metadata().map_err(failed("list", &folder))?.len();
            objects.insert(entry.file_name().to_string_lossy().into_owned(), length);
        }
        Ok(objects)
    }

    fn open(&self, object: &str) -> Result<Option<Box<dyn Read + '_>>, BackupError> {
        let path = self.object(object);
        match File::open(&path) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed("read", &path)(source)),
        }
    }

    fn draft(&self) -> Result<NamedTempFile, BackupError> {
        let folder = self.path.join(OBJECTS);
        let draft = tempfile::Builder::new().prefix(DRAFT).tempfile_in(&folder);
        draft.map_err(failed("make a file in", &folder))
    }

    fn put(&self, object: &str, draft: NamedTempFile) -> Result<(), BackupError> {
        let path = self.object(object);
        draft.as_file().sync_all().map_err(failed("write", &path))?;
        draft.persist(&path).map(drop).map_err(|error| failed("write", &path)(error.error))
    }

    fn put_manifest(&self, bytes: &[u8]) -> Result<(), BackupError> {
        sync(&self.path.join(OBJECTS))?;
        let (path, unfinished) = (self.path.join(NAME), self.path.join(UNFINISHED));
        let write = || {
            let mut file = create(&unfinished)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)
        };
        write().map_err(failed("write", &path))?;
        sync(&self.path)
    }

    fn remove(&self, object: &str) -> Result<(), BackupError> {
        let path = self.object(object);
        fs::remove_file(&path).map_err(failed("remove", &path))
    }
}

/// Refuses a backup inside the folder that is backed up.
fn check_is_outside(data: &Path, target: &Path) -> Result<(), BackupError> {
    let data = fs::canonicalize(data).map_err(failed("find", data))?;
    let existing = target.ancestors().find(|path| path.exists()).unwrap_or(target);
    let existing = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
    let is_inside = fs::canonicalize(existing).is_ok_and(|target| target.starts_with(&data));
    if !is_inside {
        return Ok(());
    }
    Err(BackupError::refused(
        "backup.data_folder",
        format!("{} is inside the data folder; give a folder outside of it", target.display()),
    ))
}

/// Refuses a folder with anything that no backup has.
fn check_is_backup(folder: &Path) -> Result<(), BackupError> {
    let known = [NAME, OBJECTS, LOCK, UNFINISHED];
    let shown = folder.display();
    for entry in fs::read_dir(folder).map_err(failed("list", folder))? {
        let name = entry.map_err(failed("list", folder))?.file_name();
        let name = name.to_string_lossy();
        if known.contains(&&*name) {
            continue;
        }
        if folder.join("FORMAT").exists() || folder.join("log").exists() {
            let message = format!("{shown} is a data folder; give another folder for the backup");
            return Err(BackupError::refused("backup.data_folder", message));
        }
        return Err(BackupError::refused(
            "backup.other_content",
            format!(
                "{shown} holds {name}, which is no part of a backup; give an empty folder, or that of an earlier backup"
            ),
        ));
    }
    Ok(())
}

/// Makes a folder for its owner only.
pub(super) fn make_folder(path: &Path) -> Result<(), BackupError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(failed("make the folder", path))
}

/// Makes or empties a file for its owner only.
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Makes the names in a folder durable.
pub(super) fn sync(folder: &Path) -> Result<(), BackupError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(failed("sync the folder", folder))
}
