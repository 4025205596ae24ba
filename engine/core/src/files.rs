//! The store of imported files, by the SHA-256 of their bytes.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use boarding_commands::event::FileRef;
use boarding_commands::values::{Code, Refusal};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// Commands that brought a file and have no outcome yet.
#[derive(Debug)]
struct Pending {
    commands: u32,
    /// Whether the file was not there before, and no command with it was accepted.
    is_new: bool,
}

/// The folder of stored files. A file is written once and never changed.
#[derive(Debug, Clone)]
pub struct Files {
    folder: PathBuf,
    /// The store that engines share; unset with one engine.
    shared: Arc<OnceLock<Arc<dyn SharedFiles>>>,
    /// Files of commands that have no outcome yet.
    pending: Arc<Mutex<HashMap<String, Pending>>>,
    /// Stored files that are about to be removed. A command that brings one again keeps it. It is locked only while
    /// `pending` is.
    removing: Arc<Mutex<HashSet<String>>>,
}

/// A store of files that engines on several machines share. Its methods block.
pub trait SharedFiles: Send + Sync + fmt::Debug {
    /// Stores a file. It is durable on return. An existing file stays.
    ///
    /// # Errors
    /// When the store cannot be reached.
    fn put(&self, sha256: &str, file: File) -> io::Result<()>;

    /// Opens a stored file.
    ///
    /// # Errors
    /// When it does not exist, or the store cannot be reached.
    fn get(&self, sha256: &str) -> io::Result<Box<dyn Read>>;
}

/// The size of the copy buffer, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// Why a file could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The file exceeds the limit, in bytes.
    #[error("a file may have at most {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("store a file in {}", folder.display())]
    Io { folder: PathBuf, source: io::Error },
}

impl KeepError {
    /// The refusal of a command whose file could not be kept.
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::TooLarge { limit } => {
                Refusal::new(Code::ImportTooLarge).with(json!({"limit": limit}))
            }
            Self::Io { .. } => {
                Refusal::new(Code::Unavailable).saying(&boarding_log::error_chain(self))
            }
        }
    }
}

impl Files {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, shared: Arc::default(), pending: Arc::default(), removing: Arc::default() }
    }

    /// Sets the shared store. Only the first call has an effect.
    pub fn share(&self, shared: Arc<dyn SharedFiles>) {
        let _ = self.shared.set(shared);
    }

    /// Stores the content until a command with it is accepted or refused. It is durable on return. Equal content is
    /// stored once.
    ///
    /// # Errors
    /// [`KeepError::TooLarge`] beyond `limit` bytes, [`KeepError::Io`] when it cannot be read or written.
    pub fn keep(&self, name: &str, content: impl Read, limit: u64) -> Result<FileRef, KeepError> {
        let failed = |source| KeepError::Io { folder: self.folder.clone(), source };
        let mut draft = new_draft(&self.folder).map_err(failed)?;
        let copied = copy(content, &mut draft.1, limit);
        let kept = copied.map_err(failed).and_then(|(sha256, bytes)| {
            if bytes > limit {
                return Err(KeepError::TooLarge { limit });
            }
            self.settle_pending(&draft, &sha256).map_err(failed)?;
            Ok(FileRef { name: boarding_csv::clean_name(name), sha256, bytes })
        });
        if kept.is_err() {
            let _ = fs::remove_file(&draft.0);
        }
        kept
    }

    /// Copies a stored file to the shared store, before a command with it is decided.
    ///
    /// # Errors
    /// When the shared store cannot be reached.
    pub fn publish(&self, sha256: &str) -> io::Result<()> {
        match self.shared.get() {
            Some(shared) => shared.put(sha256, File::open(self.path(sha256))?),
            None => Ok(()),
        }
    }

    /// A command with the file was accepted, so the file stays.
    pub fn confirm(&self, sha256: &str) {
        let mut pending = self.pending();
        let Some(one) = pending.get_mut(sha256) else { return };
        one.is_new = false;
        one.commands -= 1;
        if one.commands == 0 {
            pending.remove(sha256);
        }
    }

    /// A command that brought the file was refused. The file goes, unless another command has it.
    pub fn discard(&self, sha256: &str) {
        let mut pending = self.pending();
        let Some(one) = pending.get_mut(sha256) else { return };
        one.commands -= 1;
        if one.commands == 0 {
            let goes = one.is_new;
            pending.remove(sha256);
            if goes {
                // A file that cannot be removed does no harm.
                let _ = fs::remove_file(self.path(sha256));
            }
        }
    }

    /// Whether engines share the files. Then none can know alone that a file is used no more.
    pub(crate) fn are_shared(&self) -> bool {
        self.shared.get().is_some()
    }

    /// Marks a file that may be used no more, before its uses are looked up. False if a command has brought it now.
    pub(crate) fn begin_removal(&self, sha256: &str) -> bool {
        let pending = self.pending();
        !pending.contains_key(sha256) && self.removing().insert(sha256.to_owned())
    }

    /// Ends a removal: removes the file if it is used no more, unless a command has brought it since.
    pub(crate) fn end_removal(&self, sha256: &str, is_used: bool) {
        let _pending = self.pending();
        if self.removing().remove(sha256) && !is_used {
            // A file that cannot be removed does no harm.
            let _ = fs::remove_file(self.path(sha256));
        }
    }

    fn removing(&self) -> MutexGuard<'_, HashSet<String>> {
        self.removing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<String, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Like [`Files::settle`]. The file is pending until its command has an outcome, also one that was there before: it
    /// must not be removed until then.
    fn settle_pending(&self, draft: &(PathBuf, File), sha256: &str) -> io::Result<()> {
        // The slow part comes before the lock, because the outcomes of other commands wait for the lock.
        let is_synced = !self.path(sha256).exists();
        if is_synced {
            draft.1.sync_all()?;
        }
        // The lock keeps a refused command from removing the file meanwhile.
        let mut pending = self.pending();
        self.removing().remove(sha256);
        let is_new = !self.path(sha256).exists();
        self.settle(draft, sha256, is_synced)?;
        match pending.get_mut(sha256) {
            Some(one) => one.commands += 1,
            None => drop(pending.insert(sha256.to_owned(), Pending { commands: 1, is_new })),
        }
        Ok(())
    }

    fn settle(&self, draft: &(PathBuf, File), sha256: &str, is_synced: bool) -> io::Result<()> {
        let target = self.path(sha256);
        if target.exists() {
            return fs::remove_file(&draft.0);
        }
        if !is_synced {
            draft.1.sync_all()?;
        }
        // The bytes are synced before the rename, and the name after it: an accepted command needs both after a loss of
        // power.
        fs::rename(&draft.0, &target)?;
        File::open(&self.folder)?.sync_all()
    }

    /// Opens a stored file.
    ///
    /// # Errors
    /// When it does not exist or cannot be read.
    pub fn open(&self, sha256: &str) -> io::Result<File> {
        match (File::open(self.path(sha256)), self.shared.get()) {
            (Err(error), Some(shared)) if error.kind() == io::ErrorKind::NotFound => {
                self.fetch(sha256, &**shared)?;
                File::open(self.path(sha256))
            }
            (opened, _) => opened,
        }
    }

    /// Copies a file from the shared store.
    fn fetch(&self, sha256: &str, shared: &dyn SharedFiles) -> io::Result<()> {
        let content = shared.get(sha256)?;
        let mut draft = new_draft(&self.folder)?;
        let settled = copy(content, &mut draft.1, u64::MAX).and_then(|(found, _)| {
            if found == sha256 {
                self.settle(&draft, sha256, false)
            } else {
                Err(io::Error::new(io::ErrorKind::InvalidData, "it holds something else"))
            }
        });
        if settled.is_err() {
            let _ = fs::remove_file(&draft.0);
        }
        settled
    }

    /// Opens a stored file after comparing all its bytes with the digest.
    ///
    /// # Errors
    /// A text with the problem and the remedy.
    pub fn open_whole(&self, sha256: &str) -> Result<File, String> {
        let cannot = |error: &io::Error| match self.path(sha256).try_exists() {
            Ok(false) => self.file_error(sha256, "is missing"),
            _ => self.file_error(sha256, &format!("cannot be read ({error})")),
        };
        self.open_compared(sha256).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => self.file_error(sha256, "is not what it was"),
            _ => cannot(&error),
        })
    }

    /// As [`Files::open_whole`], with the error of the file system. `InvalidData` says that the file is another one.
    ///
    /// # Errors
    /// Why it cannot be opened or read.
    pub(crate) fn open_compared(&self, sha256: &str) -> io::Result<File> {
        let mut file = self.open(sha256)?;
        let (found, _) = copy(&mut file, &mut io::sink(), u64::MAX)?;
        if found != sha256 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not what it was"));
        }
        file.rewind()?;
        Ok(file)
    }

    /// The names of stored files whose content is not what their names say.
    pub(crate) fn damaged(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        // Others are drafts.
        let is_digest =
            |name: &String| name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
        let is_damaged = |name: &String| self.open_compared(name).is_err();
        let mut names: Vec<_> = names.filter(|name| is_digest(name) && is_damaged(name)).collect();
        names.sort_unstable();
        names
    }

    /// The error text for a missing file of an import.
    pub fn missing(&self, sha256: &str) -> Option<String> {
        let is_there = self.path(sha256).try_exists().unwrap_or(true) || self.open(sha256).is_ok();
        (!is_there).then(|| with_next_step(&self.file_error(sha256, "is missing")))
    }

    fn file_error(&self, sha256: &str, how: &str) -> String {
        let path = self.path(sha256);
        format!("its file (sha256 {sha256}) {how}; put it back as {}", path.display())
    }

    fn path(&self, sha256: &str) -> PathBuf {
        self.folder.join(sha256)
    }
}

/// Adds to the error of a file what the operator does next.
pub(crate) fn with_next_step(error: &str) -> String {
    format!("{error}. Then start Boarding again, and the import continues.")
}

/// Copies at most one byte more than the limit, to detect a too large file. Returns digest and length.
pub(crate) fn copy(
    content: impl Read,
    out: &mut impl io::Write,
    limit: u64,
) -> io::Result<(String, u64)> {
    let mut content = content.take(limit.saturating_add(1));
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = content.read(&mut chunk)?;
        let Some(part) = chunk.get(..read).filter(|part| !part.is_empty()) else { break };
        hasher.update(part);
        out.write_all(part)?;
        bytes += part.len() as u64;
    }
    let digest = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((digest, bytes))
}

/// Creates a new temporary file in the folder. The next start removes it after a crash.
fn new_draft(folder: &Path) -> io::Result<(PathBuf, File)> {
    for n in 0..u32::MAX {
        let path = folder.join(format!("{DRAFT}{}-{n}", std::process::id()));
        match File::create_new(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// The prefix of the names of unfinished files.
const DRAFT: &str = ".draft-";

/// Removes unfinished files. Call it only with the lock of the data folder.
pub fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(DRAFT) {
            continue;
        }
        match fs::remove_file(entry.path()) {
            // Its writer has removed or renamed the draft meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_stored_once_by_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path().to_owned());
        let kept = files.keep("../people.csv", &b"abc"[..], 3).unwrap();
        assert_eq!(kept.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!((kept.name.as_str(), kept.bytes), ("people.csv", 3));
        assert_eq!(files.keep("other.csv", &b"abc"[..], 3).unwrap().sha256, kept.sha256);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    /// The file of a refused command goes. It stays if another command has it, or an accepted one had it.
    #[test]
    fn file_of_a_refused_command_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path().to_owned());
        let keep = || files.keep("people.csv", &b"abc"[..], 3).unwrap().sha256;
        let count = || fs::read_dir(folder.path()).unwrap().count();
        let (sha256, _) = (keep(), keep());
        files.discard(&sha256);
        assert_eq!(count(), 1);
        files.discard(&sha256);
        assert_eq!(count(), 0);
        keep();
        files.confirm(&sha256);
        keep();
        files.discard(&sha256);
        assert_eq!(count(), 1);
    }

    /// P29: a changed byte of a stored file is detected before the file is used.
    #[test]
    fn a_changed_file_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path().to_owned());
        let sha256 = files.keep("people.csv", &b"abc"[..], 3).unwrap().sha256;
        let mut text = String::new();
        files.open_whole(&sha256).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
        let path = folder.path().join(&sha256);
        fs::write(&path, "abd").unwrap();
        assert!(
            files.open_whole(&sha256).unwrap_err().contains("is not what it was; put it back as")
        );
        fs::remove_file(&path).unwrap();
        assert!(files.open_whole(&sha256).unwrap_err().contains("is missing; put it back as"));
    }

    #[test]
    fn a_file_over_the_limit_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path().to_owned());
        assert!(matches!(files.keep("a", &b"abcd"[..], 3), Err(KeepError::TooLarge { limit: 3 })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
