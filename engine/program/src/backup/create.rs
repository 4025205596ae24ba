//! Makes a backup, or adds what is new to an earlier one.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use boarding_audit::{SignedPast, StoredKey, TrustedKeys};
use boarding_commands::values::Time;
use boarding_core::acknowledged::answered_up_to;
use boarding_core::data_dir::{DataDirError, check_existing_format};
use boarding_log::file::{self, LogState, SegmentVisitor};
use serde::Serialize;

use super::OnProgress;
use super::error::{BackupError, failed};
use super::manifest::{FileEntry, Manifest, sha256};
use super::place::Place;
use super::store::{self, Store};

/// What to back up.
#[derive(Debug, Clone)]
pub struct Options {
    pub data: PathBuf,
    /// Whether the secret of links and the signing key are copied too.
    pub with_secrets: bool,
    pub now: Time,
}

/// A backup that is complete.
#[derive(Debug)]
pub struct BackedUp {
    pub manifest: Manifest,
    pub is_signed: bool,
    pub copied: Amount,
    /// What an earlier backup had already.
    pub kept: Amount,
}

/// A number of files, and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Amount {
    pub files: u64,
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

/// Backs up a data folder, which may be in use. A repeated backup into the same folder copies what is new.
///
/// # Errors
/// When the target may not be used, the log is damaged, or files cannot be read or written.
pub fn back_up(
    options: &Options,
    place: Box<dyn Place>,
    on_progress: OnProgress<'_>,
) -> Result<BackedUp, BackupError> {
    let Options { data, now, .. } = options;
    let no_log = || BackupError::NoLog { folder: data.clone() };
    let log = file::log_id(&data.join("log"))?.ok_or_else(no_log)?;
    if let Err(error @ DataDirError::Newer { .. }) = check_existing_format(data) {
        return Err(BackupError::refused("backup.newer_format", error.to_string()));
    }
    let origin = file::origin(&log);
    let target = place.shown(None);
    let earlier = earlier_backup(&*place, data, &origin)?;
    let mut work = Work::new(data, Store::open(place)?, earlier, on_progress);
    // What was answered, and the files that commands have named, come before the log: it goes on meanwhile.
    let answered = answered_up_to(&data.join("audit"), Some(&origin));
    work.imported_files()?;
    let known = work.known_state(&log)?;
    work.keep_earlier_segments(known.as_ref())?;
    let state = file::read_on(&data.join("log"), known.as_ref(), &mut work)?;
    let state = state.filter(|state| state.position > 0).ok_or_else(no_log)?;
    if state.position < answered {
        let what = format!(
            "the log ends with position {}, and commands were answered up to position {answered}: its end is missing; see boarding audit verify",
            state.position
        );
        return Err(BackupError::Damaged { what, file: None });
    }
    work.other_files(&origin, state.position, options.with_secrets)?;
    let Work { store, mut files, copied, kept, .. } = work;
    files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    let key = StoredKey::read(&data.join("audit"))?;
    let signer = key.map(|key| key.signer(&origin));
    let manifest = Manifest::of(origin, &state, files, *now);
    let bytes = manifest.to_bytes(signer.as_ref());
    let bytes =
        bytes.map_err(|error| failed("write the manifest in", Path::new(&target))(error.into()))?;
    store.complete(&bytes, &manifest)?;
    Ok(BackedUp { manifest, is_signed: signer.is_some(), copied, kept })
}

/// The manifest of the earlier backup in the same place. Its files are not read again, so it must be as this folder has
/// signed it.
fn earlier_backup(
    place: &dyn Place,
    data: &Path,
    origin: &str,
) -> Result<Option<Manifest>, BackupError> {
    let target = place.shown(None);
    let keys = TrustedKeys::of_folder(&SignedPast::read(&data.join("audit"))?.keys);
    let read = || {
        let Some(signed) = store::manifest(place)? else { return Ok(None) };
        let is_own = signed.manifest.log == origin;
        if is_own && (signed.is_signed() || keys != TrustedKeys::default()) {
            signed.check(&keys)?;
        }
        Ok(Some(signed.manifest))
    };
    let earlier: Option<Manifest> = read().map_err(|error| match error {
        BackupError::Damaged { what, file } => {
            let what = format!("{target}: {what}; give another place for the backup");
            BackupError::Damaged { what, file }
        }
        error => error,
    })?;
    match earlier {
        Some(earlier) if earlier.log != origin => Err(BackupError::refused(
            "backup.other_log",
            format!(
                "{target} is a backup of {}, and this log is {origin}; give another place for the backup",
                earlier.log
            ),
        )),
        earlier => Ok(earlier),
    }
}

/// A backup that is being made.
struct Work<'a> {
    data: &'a Path,
    store: Store,
    earlier: Option<Manifest>,
    on_progress: OnProgress<'a>,
    files: Vec<FileEntry>,
    copied: Amount,
    kept: Amount,
    done_bytes: u64,
    total_bytes: u64,
}

impl<'a> Work<'a> {
    fn new(
        data: &'a Path,
        store: Store,
        earlier: Option<Manifest>,
        on_progress: OnProgress<'a>,
    ) -> Self {
        let files = Vec::new();
        let (copied, kept) = (Amount::default(), Amount::default());
        let (done_bytes, total_bytes) = (0, 0);
        Self { data, store, earlier, on_progress, files, copied, kept, done_bytes, total_bytes }
    }

    /// The state of the log in the earlier backup, from which the log is read on.
    ///
    /// # Errors
    /// When the log does not begin with that state.
    fn known_state(&self, log: &file::LogId) -> Result<Option<LogState>, BackupError> {
        let Some(earlier) = &self.earlier else { return Ok(None) };
        let Some((name, entry)) = earlier.segments().next_back() else { return Ok(None) };
        let path = self.data.join("log").join(name);
        let mut beginning = Vec::new();
        match File::open(&path) {
            Ok(file) => {
                let read = file.take(entry.bytes).read_to_end(&mut beginning);
                read.map_err(failed("read segment", &path))?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(failed("read segment", &path)(source)),
        }
        if sha256(&beginning) != entry.sha256 {
            return Err(self.not_the_beginning(earlier, entry, &beginning));
        }
        let first = name.strip_suffix(".log").and_then(|name| name.parse().ok());
        let damaged = || BackupError::damaged(&entry.path, "it is no name of a segment");
        Ok(Some(LogState {
            log: *log,
            position: earlier.position,
            commits: earlier.commits,
            events: earlier.events,
            segment: first.ok_or_else(damaged)?,
            segments_before: u32::try_from(earlier.segments().count() - 1).unwrap_or(u32::MAX),
            segment_bytes: entry.bytes,
            heads: earlier.heads().collect(),
        }))
    }

    /// Why the log does not begin with the earlier backup: it is damaged, older, or went another way.
    fn not_the_beginning(
        &self,
        earlier: &Manifest,
        entry: &FileEntry,
        beginning: &[u8],
    ) -> BackupError {
        if let Err(error) = file::verify(&self.data.join("log"))
            && error.is_damage()
        {
            return error.into();
        }
        let mut object = Vec::new();
        // A damaged object cannot be compared, so it counts as another history. A restore reports the damage.
        let _ = store::read(&*self.store.place, entry, |part| {
            object.extend_from_slice(part);
            Ok(())
        });
        let used = beginning.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let is_older = object.get(..used) == beginning.get(..used);
        let (code, what) = match is_older {
            true => ("backup.target_newer", "ends before it"),
            false => ("backup.other_history", "has another history"),
        };
        let message = format!(
            "the backup is of position {} of the log, and the log of {} {what}; keep the backup, and give another place for a new one; to check the log: boarding audit verify",
            earlier.position,
            self.data.display()
        );
        BackupError::refused(code, message)
    }

    /// Keeps the segments before the last known one. They are not read again, because a closed segment never changes.
    fn keep_earlier_segments(&mut self, known: Option<&LogState>) -> Result<(), BackupError> {
        let log = self.data.join("log");
        let sizes = file::segments(&log)?;
        let of_earlier = known.and(self.earlier.as_ref());
        let earlier: Vec<(String, FileEntry)> = of_earlier
            .into_iter()
            .flat_map(Manifest::segments)
            .map(|(name, entry)| (name.to_owned(), entry.clone()))
            .collect();
        let closed = earlier.len().saturating_sub(1);
        self.total_bytes = sizes.iter().skip(closed).map(|(_, size)| size).sum();
        for ((name, entry), at) in earlier.into_iter().take(closed).zip(0..) {
            let is_there = sizes
                .get::<usize>(at)
                .is_some_and(|(own, size)| *own == name && *size >= entry.bytes);
            if !is_there {
                let what =
                    "the log lacks a part of it that the backup has; see boarding audit verify";
                return Err(BackupError::damaged(&entry.path, what));
            }
            if self.store.has(&entry) {
                self.kept.add(entry.bytes);
                self.files.push(entry);
                continue;
            }
            // The backup has lost the object.
            let path = log.join(&name);
            let bytes = fs::read(&path).map_err(failed("read segment", &path))?;
            let length = usize::try_from(entry.bytes).unwrap_or(usize::MAX);
            let bytes = bytes.get(..length).unwrap_or_default();
            if sha256(bytes) != entry.sha256 {
                let what = "the log has other bytes than the backup; see boarding audit verify";
                return Err(BackupError::damaged(&entry.path, what));
            }
            self.add(&entry.path, &mut &*bytes, &path)?;
        }
        Ok(())
    }

    /// The files beside the log.
    fn other_files(
        &mut self,
        origin: &str,
        position: u64,
        with_secrets: bool,
    ) -> Result<(), BackupError> {
        self.add_file("FORMAT")?;
        if with_secrets {
            self.add_file("secret")?;
            self.add_file("audit/signing-key")?;
        }
        let past = SignedPast::read(&self.data.join("audit"))?;
        let audit = self.data.join("audit");
        let keys: String = past.key_notes.iter().map(|note| format!("{note}\n")).collect();
        if !keys.is_empty() {
            self.add("audit/public-keys", &mut keys.as_bytes(), &audit)?;
        }
        // Later checkpoints name commits that the backup does not have.
        let is_held = |(one, _): &(&boarding_audit::Checkpoint, _)| {
            one.origin != origin || one.position <= position
        };
        let checkpoints = past.checkpoints.iter().zip(&past.notes).filter(is_held);
        let checkpoints: String = checkpoints.map(|(_, note)| format!("{note}\n")).collect();
        if !checkpoints.is_empty() {
            self.add("audit/checkpoints", &mut checkpoints.as_bytes(), &audit)?;
        }
        self.imported_files()
    }

    /// The imported files that are not in the backup yet. A commit names its file only after the file is stored, and a picture
    /// may be removed at any time. So they are copied before the log is read, and once more after it.
    fn imported_files(&mut self) -> Result<(), BackupError> {
        let folder = self.data.join("files");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(failed("list", &folder)(source)),
        };
        let mut names: Vec<String> = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed("list", &folder))?.file_name();
            let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            // Other names are those of files that are not whole yet.
            names.extend(
                name.into_string()
                    .ok()
                    .filter(|name| name.len() == 64 && name.bytes().all(is_digit)),
            );
        }
        names.sort_unstable();
        let known: HashSet<String> = self.files.iter().map(|file| file.path.clone()).collect();
        let earlier = self.earlier.iter().flat_map(|earlier| &earlier.files);
        let mut earlier: HashMap<_, _> =
            earlier.map(|file| (file.path.clone(), file.clone())).collect();
        for name in names {
            let path = format!("files/{name}");
            if known.contains(&path) {
                continue;
            }
            let size = fs::metadata(self.data.join(&path)).map_or(0, |it| it.len());
            if let Some(entry) = earlier.remove(&path)
                && entry.bytes == size
                && self.store.has(&entry)
            {
                self.kept.add(entry.bytes);
                self.files.push(entry);
                continue;
            }
            self.add_file(&path)?;
            if self.files.last().is_some_and(|last| last.path == path && last.sha256 != name) {
                let what = "its bytes are not those that were imported; move it away if the import is completed";
                return Err(BackupError::damaged(&path, what));
            }
        }
        Ok(())
    }

    /// Adds a file of the data folder, if it exists.
    fn add_file(&mut self, path: &str) -> Result<(), BackupError> {
        let source = self.data.join(path);
        match File::open(&source) {
            Ok(mut file) => self.add(path, &mut file, &source),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed("read", &source)(error)),
        }
    }

    fn add(
        &mut self,
        path: &str,
        content: &mut dyn Read,
        source: &Path,
    ) -> Result<(), BackupError> {
        let (entry, is_new) = self.store.write(path, content, source)?;
        match is_new {
            true => self.copied.add(entry.bytes),
            false => self.kept.add(entry.bytes),
        }
        self.done_bytes += entry.bytes;
        self.total_bytes = self.total_bytes.max(self.done_bytes);
        self.files.push(entry);
        match (self.on_progress)(self.done_bytes, self.total_bytes) {
            true => Ok(()),
            false => Err(BackupError::Interrupted),
        }
    }
}

impl SegmentVisitor for Work<'_> {
    type Error = BackupError;

    fn visit(&mut self, name: &str, mut bytes: &[u8]) -> Result<(), BackupError> {
        let source = self.data.join("log").join(name);
        self.add(&format!("log/{name}"), &mut bytes, &source)
    }
}
