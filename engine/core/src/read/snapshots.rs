//! Snapshots of companies: they shorten loading and can always be rebuilt.
//!
//! Each company has one file in the folder of derived data. A snapshot is used only if its digest is right and the
//! log has its commit, so a file that a power cut has torn does no harm and needs no sync.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use blake3::Hasher;
use boarding_commands::company::Company;
use boarding_commands::values::{CompanyId, Digest};
use serde::{Deserialize, Serialize};

use crate::limits::{
    SNAPSHOT_AFTER_EVENTS, SNAPSHOT_BUFFER_BYTES, SNAPSHOT_BUSY_EVENTS, SNAPSHOT_PEOPLE_PER_EVENT,
};
use boarding_log::{EventLog, Head, ReadError};

/// The format of snapshots. Snapshots of another format are ignored. Increase it with any change of `Company`
/// or its parts.
const SHAPE: u32 = 29;

/// The first bytes of a file. The format in little-endian order and the digest of the rest follow.
const MAGIC: &[u8; 8] = b"BRDGSNAP";
const DIGEST_BYTES: usize = 32;

/// The state of a company after one commit.
#[derive(Debug, Deserialize)]
pub(crate) struct Snapshot {
    /// The hash of that commit.
    pub hash: Digest,
    pub company: Company,
}

/// What the file of a snapshot is.
#[derive(Debug)]
pub(crate) enum StoredSnapshot {
    /// There is no file.
    None,
    /// Another version of the program wrote it.
    OtherFormat,
    /// Its bytes are not those that were written.
    Damaged,
    Usable(Box<Snapshot>),
}

/// The borrowed form of [`Snapshot`] for writing.
#[derive(Serialize)]
struct SnapshotOf<'a> {
    hash: Digest,
    company: &'a Company,
}

/// A loaded company, the hash of its last commit, and the number of replayed events.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub company: Company,
    pub hash: Digest,
    pub replayed: u64,
}

/// The folder of the snapshots.
#[derive(Debug)]
pub(crate) struct Snapshots {
    folder: PathBuf,
}

impl Snapshots {
    /// The snapshots in the folder of derived data. The folder is made with the first snapshot.
    pub(crate) fn inside(derived: &Path) -> Self {
        Self { folder: derived.join("companies") }
    }

    /// Loads a company from its snapshot, if it matches the log, and the commits after it.
    ///
    /// # Errors
    /// When the log cannot be read. An unusable snapshot is ignored.
    pub(crate) fn load(&self, log: &dyn EventLog, id: &CompanyId) -> Result<Loaded, ReadError> {
        let head = log.head(id);
        let snapshot = self.read(id).filter(|snapshot| fits(log, id, snapshot, head));
        let (mut company, mut hash) = snapshot
            .map_or_else(|| (Company::new(id.clone()), Digest::default()), |s| (s.company, s.hash));
        let replayed = catch_up(log, &mut company, &mut hash)?;
        Ok(Loaded { company, hash, replayed })
    }

    fn read(&self, id: &CompanyId) -> Option<Snapshot> {
        match self.stored(id) {
            StoredSnapshot::Usable(snapshot) => Some(*snapshot),
            StoredSnapshot::None | StoredSnapshot::OtherFormat | StoredSnapshot::Damaged => None,
        }
    }

    /// Reads the file of a company's snapshot.
    pub(crate) fn stored(&self, id: &CompanyId) -> StoredSnapshot {
        let bytes = match fs::read(self.path(id)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return StoredSnapshot::None,
            Err(_) => return StoredSnapshot::Damaged,
        };
        let Some(rest) = bytes.strip_prefix(MAGIC) else { return StoredSnapshot::Damaged };
        let Some((shape, rest)) = rest.split_first_chunk() else { return StoredSnapshot::Damaged };
        let other_format = || match u32::from_le_bytes(*shape) {
            1..SHAPE => StoredSnapshot::OtherFormat,
            _ => StoredSnapshot::Damaged,
        };
        if u32::from_le_bytes(*shape) != SHAPE {
            return other_format();
        }
        let Some((digest, body)) = rest.split_first_chunk::<DIGEST_BYTES>() else {
            return StoredSnapshot::Damaged;
        };
        // The digest comes first: the decoder gets only what an engine has written.
        let is_whole = Digest::of(body).0 == *digest;
        let snapshot = if is_whole { rmp_serde::from_slice(body).ok() } else { None };
        snapshot.map_or(StoredSnapshot::Damaged, |it| StoredSnapshot::Usable(Box::new(it)))
    }

    /// Replaces the snapshot of a company.
    ///
    /// # Errors
    /// When the file cannot be written. That loses no data.
    pub(crate) fn write(&self, company: &Company, hash: Digest) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let path = self.path(&company.id);
        let unfinished = path.with_extension("tmp");
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        let written = write_file(file, &SnapshotOf { hash, company });
        if written.is_err() {
            // On a full disk the space is needed for other things.
            let _ = fs::remove_file(&unfinished);
        }
        written.and_then(|()| fs::rename(&unfinished, &path))
    }

    fn path(&self, id: &CompanyId) -> PathBuf {
        self.folder.join(format!("{}.snapshot", id.as_str()))
    }
}

fn write_file(mut file: File, snapshot: &SnapshotOf<'_>) -> io::Result<()> {
    file.write_all(MAGIC)?;
    file.write_all(&SHAPE.to_le_bytes())?;
    let digest_at = file.stream_position()?;
    file.write_all(&[0; DIGEST_BYTES])?;
    let digested = Digested { file, hasher: Hasher::new() };
    let mut body = BufWriter::with_capacity(SNAPSHOT_BUFFER_BYTES, digested);
    rmp_serde::encode::write(&mut body, snapshot).map_err(io::Error::other)?;
    let Digested { mut file, hasher } =
        body.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(digest_at))?;
    file.write_all(hasher.finalize().as_bytes())
}

/// Writes to a file and digests what it writes.
struct Digested {
    file: File,
    hasher: Hasher,
}

impl Write for Digested {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Applies the commits after this state. Returns the number of events.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn catch_up(
    log: &dyn EventLog,
    company: &mut Company,
    hash: &mut Digest,
) -> Result<u64, ReadError> {
    let from = company.version + 1;
    let mut replayed = 0;
    let mut reader = log.read_company(&company.id, from);
    while let Some(entry) = reader.next()? {
        let commit = &entry.recorded.commit;
        // A commit without events has the version of the commit after it. So only its hash shows whether the state
        // contains it.
        let is_known = commit.first_version < from
            || (commit.events.is_empty()
                && commit.first_version == from
                && entry.recorded.hash == *hash);
        if !is_known {
            company.apply(commit);
            *hash = entry.recorded.hash;
            replayed += commit.events.len() as u64;
        }
    }
    Ok(replayed)
}

/// Whether a snapshot saves more than it costs when the company is at rest. To write or
/// to load a person takes a tenth of the time of replaying an event.
pub(crate) fn worth_at_rest(company: &Company, since_snapshot: u64) -> bool {
    since_snapshot
        > SNAPSHOT_AFTER_EVENTS.max(company.users.len() as u64 / SNAPSHOT_PEOPLE_PER_EVENT)
}

/// Whether a busy company gets a snapshot too: the writing delays its commands, so the events since the last one must
/// have taken much longer.
pub(crate) fn worth_while_busy(company: &Company, since_snapshot: u64) -> bool {
    since_snapshot > SNAPSHOT_BUSY_EVENTS.max(company.users.len() as u64)
}

/// Whether the snapshot belongs to this log: the log contains its commit.
fn fits(log: &dyn EventLog, id: &CompanyId, snapshot: &Snapshot, head: Head) -> bool {
    let version = snapshot.company.version;
    if snapshot.company.id != *id || version > head.version {
        return false;
    }
    let mut reader = log.read_company(id, version);
    while let Ok(Some(entry)) = reader.next() {
        if entry.recorded.hash == snapshot.hash {
            return true;
        }
        if entry.recorded.commit.first_version > version + 1 {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use boarding_commands::decide::Authority;
    use boarding_commands::envelope::{Answer, Envelope};
    use serde_json::json;

    use super::*;
    use crate::engine::{Engine, Options};

    fn acme() -> CompanyId {
        "acme".parse().unwrap()
    }

    async fn add(engine: &Engine, people: &[&str]) {
        for user in people {
            let body = json!({"user": user, "email": format!("{user}@acme.example")});
            let envelope = Envelope {
                actor: Some("jane".to_owned()),
                ..Envelope::of(engine.clock().id(), body)
            };
            let answer = engine.submit(&acme(), "AddUser", envelope, Authority::All).await;
            assert!(matches!(answer, Answer::Accepted { .. }), "{answer:?}");
        }
    }

    async fn engine(folder: &Path, people: &[&str]) -> Engine {
        let engine = Engine::open(Options::of_folder(folder)).unwrap();
        add(&engine, people).await;
        engine
    }

    fn load(engine: &Engine) -> Loaded {
        engine.context.snapshots.load(&*engine.context.log, &acme()).unwrap()
    }

    fn write(engine: &Engine, loaded: &Loaded) -> PathBuf {
        engine.context.snapshots.write(&loaded.company, loaded.hash).unwrap();
        engine.context.snapshots.path(&acme())
    }

    /// P12: a snapshot and the events after it give the state of a full replay.
    #[tokio::test]
    async fn snapshot_and_later_events_give_the_replayed_state() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), &["ann", "bob"]).await;
        let before = load(&engine);
        let path = write(&engine, &before);
        let at_once = load(&engine);
        assert_eq!((at_once.replayed, at_once.hash), (0, before.hash));
        assert_eq!(at_once.company, before.company);
        add(&engine, &["cid"]).await;
        let later = load(&engine);
        fs::remove_file(path).unwrap();
        let replayed = load(&engine);
        assert!(later.replayed < replayed.replayed);
        assert_eq!((&later.company, later.hash), (&replayed.company, replayed.hash));
        engine.close().await;
    }

    /// A snapshot that was cut short or changed anywhere is ignored, and so is one of another log.
    #[tokio::test]
    async fn damaged_or_foreign_snapshot_is_ignored() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let engine = engine(folder.path(), &["ann", "bob"]).await;
        let whole = load(&engine);
        let path = write(&engine, &whole);
        let bytes = fs::read(&path).unwrap();
        let is_ignored = |changed: &[u8]| {
            fs::write(&path, changed).unwrap();
            let loaded = load(&engine);
            assert_eq!(loaded.company, whole.company);
            loaded.replayed > 0
        };
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(is_ignored(&changed), "changed at byte {at}");
            assert!(is_ignored(&bytes[..at]), "cut short after {at} bytes");
        }
        assert!(!is_ignored(&bytes), "the whole file is used");

        let foreign = self::engine(other.path(), &["ann", "bob"]).await;
        fs::create_dir_all(&foreign.context.snapshots.folder).unwrap();
        fs::write(foreign.context.snapshots.path(&acme()), &bytes).unwrap();
        assert!(load(&foreign).replayed > 0, "a snapshot of another log was used");
        engine.close().await;
        foreign.close().await;
    }
}
