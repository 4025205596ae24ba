//! The key of a data folder, and the checkpoints that it has signed.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use boarding_commands::values::Time;
use boarding_log::{LogHeads, random_bytes};

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::keys::{self, KeyRecord, KeyRecordError, TrustedKeys};
use crate::merkle::HeadTree;
use crate::newest::{CHECKPOINTS, PUBLIC_KEYS};
use crate::note::{NoteKey, NoteSigner, SignedNote};
use crate::records;

const SECRET: &str = "signing-key";
/// The next secret, while the key is replaced.
const NEXT_SECRET: &str = "signing-key.next";

/// The secret, in bytes.
const SEED_BYTES: usize = 32;

/// Signs checkpoints of one log with the key of a data folder.
#[derive(Debug)]
pub struct Signing {
    folder: PathBuf,
    origin: String,
    signer: NoteSigner,
    last_position: Option<u64>,
}

/// The secret of a data folder, for a program that does not hold the folder.
#[derive(Clone)]
pub struct StoredKey([u8; SEED_BYTES]);

impl StoredKey {
    /// Reads the secret in a folder; none if there is no key yet.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something else.
    pub fn read(folder: &Path) -> Result<Option<Self>, SigningError> {
        Ok(read_seed(&folder.join(SECRET))?.map(Self))
    }

    /// The signer of the log with this name.
    pub fn signer(&self, origin: &str) -> NoteSigner {
        NoteSigner::new(origin, &self.0)
    }
}

impl std::fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredKey(***)")
    }
}

/// Why the key or the checkpoints of a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    #[error("{operation} {}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("read the signing key {}: it is not 64 hexadecimal digits", path.display())]
    Secret { path: PathBuf },
    #[error("read {}", path.display())]
    Keys { path: PathBuf, source: KeyRecordError },
    #[error("read checkpoint {number} of {}: {source}", path.display())]
    Checkpoint { path: PathBuf, number: usize, source: CheckpointError },
}

/// What a data folder has signed.
#[derive(Debug, Clone, Default)]
pub struct SignedPast {
    /// The records of keys as they are stored, the oldest first.
    pub key_notes: Vec<SignedNote>,
    pub keys: Vec<KeyRecord>,
    /// The checkpoints as they are stored, the oldest first.
    pub notes: Vec<SignedNote>,
    pub checkpoints: Vec<Checkpoint>,
}

impl Signing {
    /// Opens the key in a folder, and makes one at first. `origin` is the name of the log.
    ///
    /// # Errors
    /// When files cannot be read or written, or hold something else.
    pub fn open(folder: &Path, origin: &str, now: Time) -> Result<Self, SigningError> {
        let mut notes = read_notes(&folder.join(PUBLIC_KEYS))?;
        let last = read_records(folder, &notes)?.pop();
        finish_replacement(folder, last.as_ref())?;
        let path = folder.join(SECRET);
        let seed = match read_seed(&path)? {
            Some(seed) => seed,
            None => make_seed(&path)?,
        };
        let signer = NoteSigner::new(origin, &seed);
        if last.as_ref().is_none_or(|last| last.key != *signer.public()) {
            // The same key confirms itself when only the name of the log is new, as after a move of the log.
            // A key that was lost cannot sign: then nothing confirms the new one.
            let before = last.map(|last| (NoteSigner::new(last.key.name(), &seed), last.key));
            let before = before.filter(|(signer, key)| signer.public() == key);
            // The old name signs no later position.
            let from =
                before.as_ref().map_or(0, |(before, _)| last_signed(folder, before.public()));
            let note = keys::record(&signer, before.as_ref().map(|(signer, _)| signer), from, now);
            append(&folder.join(PUBLIC_KEYS), &note)?;
            notes.push(note);
        }
        // A damaged file is found by a verification. Here it only means that the last position is not known.
        let newest = records::read_last(&folder.join(CHECKPOINTS)).unwrap_or_default();
        let keys = TrustedKeys::of_folder(&read_records(folder, &notes)?);
        let signed = newest.iter().rev().filter_map(|note| keys.read_checkpoint(note).ok());
        let last = signed.into_iter().find(|checkpoint| checkpoint.origin == origin);
        Ok(Self {
            folder: folder.to_owned(),
            origin: origin.to_owned(),
            signer,
            last_position: last.map(|last| last.position),
        })
    }

    /// The public key.
    pub fn key(&self) -> &NoteKey {
        self.signer.public()
    }

    /// The position of the newest checkpoint.
    pub fn last_position(&self) -> Option<u64> {
        self.last_position
    }

    /// Signs the heads of the log and stores the checkpoint. Returns nothing if the log has not grown since the last one.
    ///
    /// # Errors
    /// When the checkpoint cannot be written.
    pub fn sign(&mut self, heads: &LogHeads, at: Time) -> Result<Option<SignedNote>, SigningError> {
        if self.last_position.unwrap_or(0) >= heads.end {
            return Ok(None);
        }
        let tree = HeadTree::of(heads.companies.iter().map(|(company, head)| (company, *head)));
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            position: heads.end,
            root: tree.root(),
            companies: tree.len() as u64,
            at,
        };
        let note = checkpoint.sign(&self.signer);
        append(&self.folder.join(CHECKPOINTS), &note)?;
        self.last_position = Some(heads.end);
        Ok(Some(note))
    }

    /// Replaces the key by a new one, which the old one signs. The new key signs the heads of the log at once.
    ///
    /// # Errors
    /// When files cannot be read or written. The next opening completes the replacement, or keeps the old key.
    pub fn replace_key(mut self, heads: &LogHeads, now: Time) -> Result<Self, SigningError> {
        // What cannot be read may have later positions of the old key.
        SignedPast::read(&self.folder)?;
        let (path, next) = (self.folder.join(SECRET), self.folder.join(NEXT_SECRET));
        remove(&next)?;
        let seed = make_seed(&next)?;
        let signer = NoteSigner::new(&self.origin, &seed);
        let from = heads.end.max(self.last_position.unwrap_or(0));
        let note = keys::record(&signer, Some(&self.signer), from, now);
        append(&self.folder.join(PUBLIC_KEYS), &note)?;
        rename(&next, &path)?;
        (self.signer, self.last_position) = (signer, None);
        self.sign(heads, now)?;
        Ok(self)
    }
}

impl SignedPast {
    /// Reads what a folder has signed. Signatures of checkpoints are not checked.
    ///
    /// # Errors
    /// When files cannot be read, or hold something else.
    pub fn read(folder: &Path) -> Result<Self, SigningError> {
        let key_notes = read_notes(&folder.join(PUBLIC_KEYS))?;
        let keys = read_records(folder, &key_notes)?;
        let path = folder.join(CHECKPOINTS);
        let notes = read_notes(&path)?;
        let read = |(note, number): (&SignedNote, usize)| {
            let failed = |source| SigningError::Checkpoint { path: path.clone(), number, source };
            Checkpoint::read(note).map_err(failed)
        };
        let checkpoints = notes.iter().zip(1..).map(read).collect::<Result<_, _>>()?;
        Ok(Self { key_notes, keys, notes, checkpoints })
    }
}

/// The last position that a key has signed.
fn last_signed(folder: &Path, key: &NoteKey) -> u64 {
    let notes = records::read(&folder.join(CHECKPOINTS)).unwrap_or_default();
    let own = notes.iter().filter(|note| key.check(note).is_ok());
    own.filter_map(|note| Checkpoint::read(note).ok()).map(|one| one.position).max().unwrap_or(0)
}

/// Completes a replacement of the key that was interrupted: the record of the next key decides.
fn finish_replacement(folder: &Path, last: Option<&KeyRecord>) -> Result<(), SigningError> {
    let (path, next) = (folder.join(SECRET), folder.join(NEXT_SECRET));
    let Some(last) = last else { return remove(&next) };
    // A secret that was cut short has no record either.
    let seed = if next.exists() { read_seed(&next).unwrap_or_default() } else { None };
    let is_recorded = |seed| *NoteSigner::new(last.key.name(), &seed).public() == last.key;
    match seed {
        Some(seed) if is_recorded(seed) => rename(&next, &path),
        _ => remove(&next),
    }
}

fn read_seed(path: &Path) -> Result<Option<[u8; SEED_BYTES]>, SigningError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed("read", path, source)),
    };
    // A program without space left a file without a key.
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.trim().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    let seed = bytes.and_then(|bytes| bytes.try_into().ok());
    seed.map(Some).ok_or_else(|| SigningError::Secret { path: path.to_owned() })
}

fn make_seed(path: &Path) -> Result<[u8; SEED_BYTES], SigningError> {
    let seed: [u8; SEED_BYTES] =
        random_bytes().map_err(|source| failed("make a key for", path, source))?;
    let digits: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
    let write = || {
        // The file gets its name when it is whole.
        let unfinished = path.with_extension("unfinished");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(records::FILE_MODE);
        let mut file = options.open(&unfinished)?;
        file.write_all(format!("{digits}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        records::sync_folder(path)
    };
    write().map_err(|source| failed("write", path, source))?;
    Ok(seed)
}

fn read_records(folder: &Path, notes: &[SignedNote]) -> Result<Vec<KeyRecord>, SigningError> {
    let path = folder.join(PUBLIC_KEYS);
    keys::read_keys(notes).map_err(|source| SigningError::Keys { path, source })
}

fn read_notes(path: &Path) -> Result<Vec<SignedNote>, SigningError> {
    records::read(path).map_err(|source| failed("read", path, source))
}

fn append(path: &Path, note: &SignedNote) -> Result<(), SigningError> {
    records::append(path, note).map_err(|source| failed("append to", path, source))
}

fn remove(path: &Path) -> Result<(), SigningError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", path, error)),
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), SigningError> {
    let renamed = fs::rename(from, to).and_then(|()| records::sync_folder(to));
    renamed.map_err(|source| failed("rename", from, source))
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> SigningError {
    SigningError::Io { operation, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use boarding_log::Head;

    use super::*;

    const ORIGIN: &str = "boarding.log/00ff";

    fn now() -> Time {
        "2026-11-30T08:00:00.000Z".parse().unwrap()
    }

    fn heads(end: u64) -> LogHeads {
        let head = Head { version: end, ..Head::default() };
        LogHeads { end, companies: vec![("acme".parse().unwrap(), head)] }
    }

    #[test]
    fn checkpoints_are_signed_once_a_position_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut signing = Signing::open(folder.path(), ORIGIN, now()).unwrap();
        assert_eq!(signing.sign(&heads(0), now()).unwrap(), None);
        let first = signing.sign(&heads(3), now()).unwrap().unwrap();
        assert_eq!(signing.sign(&heads(3), now()).unwrap(), None);
        let mut again = Signing::open(folder.path(), ORIGIN, now()).unwrap();
        assert_eq!((again.key(), again.last_position()), (signing.key(), Some(3)));
        assert_eq!(again.sign(&heads(3), now()).unwrap(), None);
        let second = again.sign(&heads(4), now()).unwrap().unwrap();
        let past = SignedPast::read(folder.path()).unwrap();
        assert_eq!((past.notes, past.keys.len()), (vec![first, second], 1));
    }

    /// A note that was put into the file, or damage, does not stop the signing.
    #[test]
    fn damaged_checkpoints_do_not_stop_the_signing() {
        let folder = tempfile::tempdir().unwrap();
        let mut signing = Signing::open(folder.path(), ORIGIN, now()).unwrap();
        signing.sign(&heads(3), now()).unwrap();
        let path = folder.path().join(CHECKPOINTS);
        let foreign = NoteSigner::new(ORIGIN, &[9; 32]);
        let checkpoint = Checkpoint {
            origin: ORIGIN.to_owned(),
            position: u64::MAX,
            root: [0; 32],
            companies: 1,
            at: now(),
        };
        append(&path, &checkpoint.sign(&foreign)).unwrap();
        let mut again = Signing::open(folder.path(), ORIGIN, now()).unwrap();
        assert_eq!(again.last_position(), Some(3));
        assert!(again.sign(&heads(4), now()).unwrap().is_some());
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.iter().rposition(|byte| *byte == b'=').unwrap();
        bytes[at] = b'!';
        fs::write(&path, bytes).unwrap();
        let mut again = Signing::open(folder.path(), ORIGIN, now()).unwrap();
        assert!(again.sign(&heads(5), now()).unwrap().is_some());
    }

    #[test]
    fn replaced_key_is_signed_by_the_key_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut signing = Signing::open(folder.path(), ORIGIN, now()).unwrap();
        let old = signing.key().clone();
        signing.sign(&heads(3), now()).unwrap();
        let signing = signing.replace_key(&heads(3), now()).unwrap();
        let new = signing.key().clone();
        assert_ne!(old, new);
        let again = Signing::open(folder.path(), ORIGIN, now()).unwrap();
        assert_eq!(again.key(), &new);
        let past = SignedPast::read(folder.path()).unwrap();
        assert_eq!((&past.keys[1].key, &past.keys[1].after), (&new, &Some(old)));
        assert_eq!((past.keys[1].is_confirmed, past.keys[1].from), (true, 3));
        // The new key has signed the same position.
        let keys = TrustedKeys::from_known(&past.keys, &new).unwrap();
        assert_eq!(keys.read_checkpoint(past.notes.last().unwrap()).unwrap().position, 3);
    }

    #[test]
    fn interrupted_replacement_is_completed_or_undone() {
        let folder = tempfile::tempdir().unwrap();
        let signing = Signing::open(folder.path(), ORIGIN, now()).unwrap();
        let old = fs::read(folder.path().join(SECRET)).unwrap();
        let first = signing.key().clone();
        // The secret was written, the record was not.
        fs::write(folder.path().join(NEXT_SECRET), "00".repeat(32)).unwrap();
        assert_eq!(Signing::open(folder.path(), ORIGIN, now()).unwrap().key(), &first);
        assert!(!folder.path().join(NEXT_SECRET).exists());
        // The record was written, the secret was not renamed.
        let second = signing.replace_key(&heads(1), now()).unwrap().key().clone();
        fs::rename(folder.path().join(SECRET), folder.path().join(NEXT_SECRET)).unwrap();
        fs::write(folder.path().join(SECRET), old).unwrap();
        assert_eq!(Signing::open(folder.path(), ORIGIN, now()).unwrap().key(), &second);
        assert_eq!(SignedPast::read(folder.path()).unwrap().keys.len(), 2);
    }

    #[test]
    fn moved_log_keeps_its_key_under_the_new_name() {
        let folder = tempfile::tempdir().unwrap();
        let old = Signing::open(folder.path(), ORIGIN, now()).unwrap().key().clone();
        let moved = Signing::open(folder.path(), "boarding.log/other", now()).unwrap();
        assert_eq!(moved.last_position(), None);
        let past = SignedPast::read(folder.path()).unwrap();
        let last = past.keys.last().unwrap();
        assert_eq!((&last.key, &last.after, last.is_confirmed), (moved.key(), &Some(old), true));
    }

    #[test]
    fn lost_key_is_replaced_by_one_that_nobody_confirms() {
        let folder = tempfile::tempdir().unwrap();
        drop(Signing::open(folder.path(), ORIGIN, now()).unwrap());
        // Without space the program may leave an empty file.
        fs::write(folder.path().join(SECRET), "").unwrap();
        Signing::open(folder.path(), ORIGIN, now()).unwrap();
        let past = SignedPast::read(folder.path()).unwrap();
        let confirmed: Vec<_> = past.keys.iter().map(|record| record.is_confirmed).collect();
        assert_eq!(confirmed, [true, false]);
        assert_eq!(past.keys[1].after, None);
    }
}
