//! The data folder: its parts, format, secret and process lock.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use boarding_log::random_bytes;

use crate::derived_copy::DerivedCopy;

mod derived;
mod moved;
mod reading;

/// The format of data folders that this program supports.
pub const FORMAT: u32 = 1;

/// The length of the secret, in bytes: 256 bits, the key length of its HMAC.
pub const SECRET_BYTES: usize = 32;

/// The folder of the signing key and of signed checkpoints, in a data folder.
pub const AUDIT: &str = "audit";

const DERIVED: &str = "derived";

const FORMAT_LINE: &str = "boarding data folder, format ";
/// Only the owner may read the folder, because it holds personal data.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The permission bits of other users.
const OTHERS: u32 = 0o077;

/// A data folder that this process has locked, until it is dropped or the process ends, or that it only reads.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    secret: Secret,
    /// Whether the file of the secret exists.
    is_kept: Mutex<bool>,
    /// The lock file, and the folder itself. None if the folder was opened to read it.
    lock: Option<[File; 2]>,
    /// The place of derived data, if they are outside the folder.
    derived_copy: Option<DerivedCopy>,
}

/// The server secret for invitation links. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; SECRET_BYTES]);

impl Secret {
    /// A random secret.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn random() -> io::Result<Self> {
        random_bytes().map(Self)
    }

    pub fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    pub fn bytes(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    #[error("{operation} {}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("open the data folder {}: it is in use by process {process}", path.display())]
    InUse {
        path: PathBuf,
        process: String,
        /// The address under which that process serves the folder over HTTP, if it does.
        address: Option<String>,
    },
    #[error(
        "open the data folder {}: it has format {found} and this program supports format {FORMAT}; use a newer program",
        path.display()
    )]
    Newer { path: PathBuf, found: u32 },
    #[error(
        "open the data folder {}: its file FORMAT does not say \"{FORMAT_LINE}{FORMAT}\"",
        path.display()
    )]
    NotOurs { path: PathBuf },
    #[error(
        "use the secret in {}: others may read it (mode {mode:o}); run `chmod 600` on it if no other person has read it, otherwise replace it",
        path.display()
    )]
    SecretExposed { path: PathBuf, mode: u32 },
    #[error("the secret in {path} was put back while the program ran: start the program again")]
    SecretPutBack { path: PathBuf },
    #[error("use the secret in {}: it has {bytes} bytes and not {SECRET_BYTES}", path.display())]
    SecretLength { path: PathBuf, bytes: usize },
}

impl DataDirError {
    /// Whether opening may succeed later, when another process has ended.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::InUse { .. })
    }
}

impl DataDir {
    /// Opens and locks a data folder. Creates it if it does not exist.
    ///
    /// # Errors
    /// When another process has locked it, it has a newer format or is not a data folder, its secret is exposed, or
    /// its files cannot be read or written.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DataDirError> {
        Self::open_with(path.into(), true)
    }

    /// As [`DataDir::open`], for a log that is not in the folder: a missing secret is not made, because that of the log
    /// is elsewhere.
    ///
    /// # Errors
    /// As [`DataDir::open`].
    pub fn open_without_log(path: impl Into<PathBuf>) -> Result<Self, DataDirError> {
        Self::open_with(path.into(), false)
    }

    fn open_with(path: PathBuf, is_for_log: bool) -> Result<Self, DataDirError> {
        make_folder(&path)?;
        let lock = lock(&path)?;
        check_format(&path)?;
        for part in ["log", "audit", "files", "derived", "outbox"] {
            make_folder(&path.join(part))?;
        }
        let has_log = has_entries(&path.join("log"))?;
        let (secret, is_kept) = secret(&path.join("secret"), is_for_log && !has_log)?;
        sync(&path)?;
        Ok(Self {
            path,
            secret,
            is_kept: Mutex::new(is_kept),
            lock: Some(lock),
            derived_copy: None,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes into the lock file under which address this process serves the folder, for those who find it locked.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn announce(&self, address: &str) -> io::Result<()> {
        match &self.lock {
            Some([file, _]) => writeln!(&mut &*file, "{address}"),
            None => Ok(()),
        }
    }

    /// The folder of the event log: the only part that cannot be rebuilt.
    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// The folder of the signing key and of signed checkpoints.
    pub fn audit(&self) -> PathBuf {
        self.path.join(AUDIT)
    }

    /// The folder of imported files, by their sha256.
    pub fn files(&self) -> PathBuf {
        self.path.join("files")
    }

    /// The folder of indexes, read models and snapshots, which a replay of the log rebuilds.
    pub fn derived(&self) -> PathBuf {
        match &self.derived_copy {
            Some(copy) => copy.derived(),
            None => self.path.join(DERIVED),
        }
    }

    /// The folder of mails.
    pub fn outbox(&self) -> PathBuf {
        self.path.join("outbox")
    }

    /// The secret of the folder. If its file is missing and there is a log, it is a new one that is not written yet:
    /// the old one may be put back.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The secret that the folder has in its file.
    pub fn kept_secret(&self) -> Option<&Secret> {
        let is_kept = *self.is_kept.lock().unwrap_or_else(PoisonError::into_inner);
        is_kept.then_some(&self.secret)
    }

    /// Uses this secret if the folder has none in its file.
    pub(crate) fn adopt_secret(&mut self, secret: &Secret) {
        if self.kept_secret().is_none() {
            self.secret = secret.clone();
        }
    }

    /// Writes a new secret, before the first link that it makes is mailed.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn keep_secret(&self) -> Result<(), DataDirError> {
        // The workers of all companies come here at once, and only the first writes.
        let mut is_kept = self.is_kept.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_kept {
            return Ok(());
        }
        let path = self.path.join("secret");
        if path.exists() {
            return Err(DataDirError::SecretPutBack { path });
        }
        write_once(&path, self.secret.bytes())?;
        sync(&self.path)?;
        *is_kept = true;
        Ok(())
    }
}

/// An id of an existing folder, unique until this machine restarts: the start of the system, and the folder's place on its
/// disk. A copy of the folder has another id. `None` on a system without an id of its start.
pub fn identity(folder: &Path) -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let metadata = fs::metadata(folder).ok()?;
    Some(format!("{}:{}:{}", boot.trim(), metadata.dev(), metadata.ino()))
}

/// Makes a folder and those above it, for its owner only.
///
/// # Errors
/// When the folder cannot be made.
pub fn make_folder(path: &Path) -> Result<(), DataDirError> {
    let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path);
    made.map_err(|source| failed("make the folder", path, source))
}

/// Syncs a folder, so that the names of its files are durable.
///
/// # Errors
/// When the folder cannot be synced.
pub fn sync(folder: &Path) -> Result<(), DataDirError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| failed("sync the folder", folder, source))
}

/// Locks the folder and stores the process id for the error message of a second process.
///
/// The folder itself is locked too, because the lock file may be removed by hand.
fn lock(folder: &Path) -> Result<[File; 2], DataDirError> {
    let path = folder.join("LOCK");
    let error = |source| failed("lock", &path, source);
    let directory = File::open(folder).map_err(error)?;
    match directory.try_lock() {
        Err(TryLockError::WouldBlock) => {
            return Err(in_use(folder, &fs::read_to_string(&path).unwrap_or_default()));
        }
        // Some file systems cannot lock a folder. Then only the file protects it.
        Ok(()) | Err(TryLockError::Error(_)) => {}
    }
    let options = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .clone();
    let mut file = options.open(&path).map_err(error)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).map_err(error)?;
            return Err(in_use(folder, &holder));
        }
        Err(TryLockError::Error(source)) => return Err(error(source)),
    }
    file.set_len(0).map_err(error)?;
    writeln!(file, "{}", std::process::id()).map_err(error)?;
    Ok([file, directory])
}

fn in_use(folder: &Path, holder: &str) -> DataDirError {
    let mut lines = holder.lines().map(|line| line.trim().to_owned());
    let process = lines.next().filter(|process| !process.is_empty());
    let process = process.unwrap_or_else(|| "(unknown)".to_owned());
    DataDirError::InUse { path: folder.to_owned(), process, address: lines.next() }
}

/// Checks the format of the folder, or writes it into a new one.
fn check_format(folder: &Path) -> Result<(), DataDirError> {
    let path = folder.join("FORMAT");
    match path.try_exists() {
        Ok(false) => write_once(&path, format!("{FORMAT_LINE}{FORMAT}\n").as_bytes()),
        _ => check_existing_format(folder),
    }
}

/// Checks the format of a data folder, and changes nothing.
///
/// # Errors
/// When it is newer than this program supports, or none.
pub fn check_existing_format(folder: &Path) -> Result<(), DataDirError> {
    let path = folder.join("FORMAT");
    let text = fs::read_to_string(&path).map_err(|source| failed("read", &path, source))?;
    let found = text.trim_end().strip_prefix(FORMAT_LINE).and_then(|text| text.parse().ok());
    match found {
        Some(FORMAT) => Ok(()),
        Some(found) if found > FORMAT => {
            Err(DataDirError::Newer { path: folder.to_owned(), found })
        }
        _ => Err(DataDirError::NotOurs { path: folder.to_owned() }),
    }
}

/// Whether the folder has an entry.
fn has_entries(folder: &Path) -> Result<bool, DataDirError> {
    let entries = fs::read_dir(folder).map_err(|source| failed("look into", folder, source));
    Ok(entries?.next().is_some())
}

/// Reads the secret, or makes one, which is written if it may be. Also returns whether the file exists then.
fn secret(path: &Path, may_write: bool) -> Result<(Secret, bool), DataDirError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let bytes = random_bytes::<SECRET_BYTES>()
                .map_err(|source| failed("make the secret in", path, source))?;
            if may_write {
                write_once(path, &bytes)?;
            }
            return Ok((Secret(bytes), may_write));
        }
        Err(source) => return Err(failed("open the secret in", path, source)),
    };
    let error = |source| failed("read the secret in", path, source);
    let mode = file.metadata().map_err(error)?.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(DataDirError::SecretExposed { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(error)?;
    let length = bytes.len();
    let wrong = |_| DataDirError::SecretLength { path: path.to_owned(), bytes: length };
    bytes.try_into().map(|bytes| (Secret(bytes), true)).map_err(wrong)
}

/// Writes a file atomically, for its owner only: to a temporary file, synced, then renamed. The sync must come before
/// the rename, or a loss of power could leave the name with an empty file.
///
/// # Errors
/// When the file cannot be written.
pub fn write_once(path: &Path, bytes: &[u8]) -> Result<(), DataDirError> {
    let unfinished = path.with_extension("tmp");
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(FILE_MODE)
        .open(&unfinished)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&unfinished, path));
    written.map_err(|source| failed("write", path, source))
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> DataDirError {
    DataDirError::Io { operation, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn new_folder_is_accessible_to_its_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/data");
        let data = DataDir::open(&path).unwrap();
        for part in
            [data.path().to_owned(), data.log(), data.files(), data.derived(), data.outbox()]
        {
            assert_eq!(mode(&part), 0o700, "{}", part.display());
        }
        assert_eq!(mode(&path.join("secret")), 0o600);
        let format = fs::read_to_string(path.join("FORMAT")).unwrap();
        assert_eq!(format, "boarding data folder, format 1\n");
    }

    #[test]
    fn the_secret_is_made_once_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::open(folder.path()).unwrap().secret().clone();
        let second = DataDir::open(folder.path()).unwrap();
        assert_eq!(second.secret(), &first);
        assert_eq!(format!("{first:?}"), "Secret(***)");
        let other = tempfile::tempdir().unwrap();
        assert_ne!(DataDir::open(other.path()).unwrap().secret(), &first);
    }

    #[test]
    fn folder_in_use_is_rejected_with_the_process_number() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::open(folder.path()).unwrap();
        let error = DataDir::open(folder.path()).unwrap_err();
        let expected = format!("it is in use by process {}", std::process::id());
        assert!(error.to_string().ends_with(&expected), "{error}");
        assert!(error.is_transient());
        fs::remove_file(folder.path().join("LOCK")).unwrap();
        let error = DataDir::open(folder.path()).unwrap_err();
        assert!(error.is_transient(), "the folder stays locked without its lock file: {error}");
        drop(first);
        DataDir::open(folder.path()).unwrap();
    }

    #[test]
    fn folder_of_a_newer_format_is_rejected() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("FORMAT"), "boarding data folder, format 2\n").unwrap();
        let error = DataDir::open(folder.path()).unwrap_err();
        assert!(matches!(error, DataDirError::Newer { found: 2, .. }));
        let text = error.to_string();
        assert!(text.contains("format 2") && text.contains("format 1"), "{text}");
        assert!(!folder.path().join("log").exists(), "nothing was made in it");
    }

    #[test]
    fn a_folder_of_something_else_is_refused() {
        for text in ["", "boarding data folder, format 0\n", "postgres 15\n"] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("FORMAT"), text).unwrap();
            let error = DataDir::open(folder.path()).unwrap_err();
            assert!(matches!(error, DataDirError::NotOurs { .. }), "{text}: {error}");
        }
    }

    /// A secret that others can read, or a part of one, is rejected.
    #[test]
    fn an_exposed_or_damaged_secret_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        drop(DataDir::open(folder.path()).unwrap());
        let path = folder.path().join("secret");
        for bad in [0o640, 0o604, 0o622] {
            fs::set_permissions(&path, fs::Permissions::from_mode(bad)).unwrap();
            let error = DataDir::open(folder.path()).unwrap_err();
            assert!(matches!(error, DataDirError::SecretExposed { mode, .. } if mode == bad));
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, [1; 31]).unwrap();
        let error = DataDir::open(folder.path()).unwrap_err();
        assert!(matches!(error, DataDirError::SecretLength { bytes: 31, .. }), "{error}");
    }
}
