//! The folder of a backup: its objects, its manifest, and a lock against a second backup.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::error::{BackupError, failed};
use super::manifest::{FileEntry, Manifest, NAME, Signed, hex};

const OBJECTS: &str = "objects";
const LOCK: &str = "LOCK";
/// The ending of files that are not whole yet.
const UNFINISHED: &str = ".unfinished";
/// The size of the copy buffer, in bytes.
const CHUNK_BYTES: usize = 256 * 1024;

/// The folder of a backup.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
}

/// A folder of a backup that this process writes, until it is dropped.
#[derive(Debug)]
pub(super) struct LockedStore {
    pub(super) store: Store,
    _lock: File,
}

impl Store {
    pub(super) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Reads the manifest; none if there is no complete backup.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged.
    pub(super) fn manifest(&self) -> Result<Option<Signed>, BackupError> {
        let path = self.folder.join(NAME);
        match fs::read(&path) {
            Ok(bytes) => Manifest::parse(&bytes).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed("read", &path)(source)),
        }
    }

    pub(super) fn object(&self, entry: &FileEntry) -> PathBuf {
        self.folder.join(OBJECTS).join(&entry.sha256)
    }

    /// Whether the object of a file is there with its length. Its bytes are not read.
    pub(super) fn has(&self, entry: &FileEntry) -> bool {
        fs::metadata(self.object(entry)).is_ok_and(|it| it.is_file() && it.len() == entry.bytes)
    }

    /// Reads the object of a file and checks its length and digest. `write` gets its bytes in parts.
    ///
    /// # Errors
    /// When it is missing or damaged, or `write` fails.
    pub(super) fn read(
        &self,
        entry: &FileEntry,
        mut write: impl FnMut(&[u8]) -> Result<(), BackupError>,
    ) -> Result<(), BackupError> {
        let path = self.object(entry);
        let damaged = |what: String| {
            BackupError::damaged(&entry.path, &format!("{what} ({})", path.display()))
        };
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(damaged("its object is missing".to_owned()));
            }
            Err(source) => return Err(failed("read", &path)(source)),
        };
        let length = file.metadata().map_err(failed("read", &path))?.len();
        if length != entry.bytes {
            return Err(damaged(format!("it has {length} bytes and not {}", entry.bytes)));
        }
        let mut digest = Sha256::new();
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let count = file.read(&mut chunk).map_err(failed("read", &path))?;
            let part = chunk.get(..count).unwrap_or_default();
            if part.is_empty() {
                break;
            }
            digest.update(part);
            write(part)?;
        }
        if hex(&digest.finalize()) != entry.sha256 {
            return Err(damaged("its bytes were changed".to_owned()));
        }
        Ok(())
    }
}

impl LockedStore {
    /// Makes the folder, or opens that of an earlier backup, and locks it.
    ///
    /// # Errors
    /// When it holds something else, is in use, or cannot be written.
    pub(super) fn open(folder: &Path) -> Result<Self, BackupError> {
        make_folder(folder)?;
        check_is_backup(folder)?;
        make_folder(&folder.join(OBJECTS))?;
        let path = folder.join(LOCK);
        let lock = create(&path).map_err(failed("lock", &path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { store: Store::at(folder), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(BackupError::InUse { folder: folder.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed("lock", &path)(source)),
        }
    }

    /// Writes an object, unless it is there. Returns its entry, and whether it was written.
    ///
    /// # Errors
    /// When the content cannot be read, or the object cannot be written.
    pub(super) fn write(
        &self,
        path: &str,
        content: &mut dyn Read,
        source: &Path,
    ) -> Result<(FileEntry, bool), BackupError> {
        let objects = self.store.folder.join(OBJECTS);
        let unfinished = objects.join(format!("next{UNFINISHED}"));
        let cannot_write = || failed("write", &unfinished);
        let mut file = create(&unfinished).map_err(cannot_write())?;
        let (mut digest, mut bytes) = (Sha256::new(), 0);
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let count = content.read(&mut chunk).map_err(failed("read", source))?;
            let part = chunk.get(..count).unwrap_or_default();
            if part.is_empty() {
                break;
            }
            digest.update(part);
            bytes += part.len() as u64;
            file.write_all(part).map_err(cannot_write())?;
        }
        let entry = FileEntry { path: path.to_owned(), bytes, sha256: hex(&digest.finalize()) };
        if self.store.has(&entry) {
            fs::remove_file(&unfinished).map_err(cannot_write())?;
            return Ok((entry, false));
        }
        file.sync_all().map_err(cannot_write())?;
        fs::rename(&unfinished, self.store.object(&entry)).map_err(cannot_write())?;
        Ok((entry, true))
    }

    /// Completes the backup: from now on the manifest counts. Then removes the objects that only an earlier one needs.
    ///
    /// # Errors
    /// When files cannot be written or removed.
    pub(super) fn complete(&self, bytes: &[u8], manifest: &Manifest) -> Result<(), BackupError> {
        let folder = &self.store.folder;
        sync(&folder.join(OBJECTS))?;
        let (path, unfinished) = (folder.join(NAME), folder.join(format!("{NAME}{UNFINISHED}")));
        let write = || {
            let mut file = create(&unfinished)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)
        };
        write().map_err(failed("write", &path))?;
        sync(folder)?;
        let needed: HashSet<_> = manifest.files.iter().map(|entry| entry.sha256.as_str()).collect();
        let objects = folder.join(OBJECTS);
        for entry in fs::read_dir(&objects).map_err(failed("list", &objects))? {
            let entry = entry.map_err(failed("list", &objects))?;
            if !entry.file_name().to_str().is_some_and(|name| needed.contains(name)) {
                fs::remove_file(entry.path()).map_err(failed("remove", &entry.path()))?;
            }
        }
        Ok(())
    }
}

/// Refuses a folder with anything that no backup has.
fn check_is_backup(folder: &Path) -> Result<(), BackupError> {
    let known = [NAME, OBJECTS, LOCK, "manifest.unfinished"];
    for entry in fs::read_dir(folder).map_err(failed("list", folder))? {
        let name = entry.map_err(failed("list", folder))?.file_name();
        let name = name.to_string_lossy();
        if known.contains(&&*name) {
            continue;
        }
        if folder.join("FORMAT").exists() || folder.join("log").exists() {
            return Err(BackupError::refused(
                "backup.data_folder",
                format!(
                    "{} is a data folder; give another folder for the backup",
                    folder.display()
                ),
            ));
        }
        return Err(BackupError::refused(
            "backup.other_content",
            format!(
                "{} holds {name}, which is no part of a backup; give an empty folder, or that of an earlier backup",
                folder.display()
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
