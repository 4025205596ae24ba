//! Verifies a backup, and fills a new data folder from it.

use std::collections::HashMap;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use boarding_audit::{
    AuditError, AuditProgress, NoteKey, SignedPast, TrustedKeys, Verified, verify_files,
    verify_files_with,
};

use tempfile::TempDir;

use super::OnProgress;
use super::error::{BackupError, failed};
use super::folder::{Folder, create, make_folder, sync};
use super::manifest::{Manifest, NAME, Signed};
use super::store;

/// The parts of every data folder.
const PARTS: [&str; 5] = ["log", "audit", "files", "outbox", "derived"];

/// A backup that has passed all checks.
#[derive(Debug, Clone)]
pub struct Checked {
    pub manifest: Manifest,
    /// The key that has signed the manifest.
    pub key: Option<NoteKey>,
    /// The signed checkpoints that the log agrees with.
    pub checkpoints: u64,
}

/// What the target of a restore holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Nothing: it can be filled.
    Empty,
    /// The same log at the same position.
    Same,
}

/// Verifies a backup: the signature of its manifest, each file, and the log with all its hashes, rules and checkpoints.
/// It changes nothing.
///
/// # Errors
/// The first thing that is wrong, or a failed read.
pub fn check(
    backup: &Path,
    known: Option<&NoteKey>,
    on_progress: OnProgress<'_>,
) -> Result<Checked, BackupError> {
    let folder = Folder::existing(backup);
    let signed = store::manifest(&folder)?.ok_or_else(|| {
        BackupError::refused(
            "restore.no_backup",
            format!(
                "{} is no backup: it has no manifest; give the folder of boarding backup",
                backup.display()
            ),
        )
    })?;
    let total = signed.manifest.bytes() * 2;
    let mut done = 0;
    for entry in &signed.manifest.files {
        store::read(&folder, entry, |part| {
            done += part.len() as u64;
            match on_progress(done, total) {
                true => Ok(()),
                false => Err(BackupError::Interrupted),
            }
        })?;
    }
    // The log is verified in place, under the names of its files.
    let links = linked_files(backup, &signed.manifest)?;
    let past = SignedPast::read(&links.path().join("audit"))?;
    let key = check_signature(&signed, &past, known)?;
    let manifest = signed.manifest;
    let verified = verify(&manifest, &past, links.path(), |progress| {
        on_progress(done + progress.done, total)
    })?;
    Ok(Checked { manifest, key, checkpoints: verified.checkpoints })
}

/// Links to the files of a backup, under their paths in a data folder. They live as long as the returned folder.
///
/// # Errors
/// When an object is missing, or links cannot be made.
pub fn linked_files(backup: &Path, manifest: &Manifest) -> Result<TempDir, BackupError> {
    let links = tempfile::tempdir().map_err(failed("make a folder in", &std::env::temp_dir()))?;
    link_objects(&Folder::existing(backup), manifest, links.path())?;
    Ok(links)
}

/// Makes a folder with links to the objects, under the paths of the files.
fn link_objects(backup: &Folder, manifest: &Manifest, links: &Path) -> Result<(), BackupError> {
    for part in PARTS {
        make_folder(&links.join(part))?;
    }
    for entry in &manifest.files {
        let object = backup.object(&entry.sha256);
        let object = fs::canonicalize(&object).map_err(failed("find", &object))?;
        let link = links.join(&entry.path);
        symlink(object, &link).map_err(failed("make the link", &link))?;
    }
    Ok(())
}

/// Checks the signature of the manifest with the given key, or with the keys of the backup.
fn check_signature(
    signed: &Signed,
    past: &SignedPast,
    known: Option<&NoteKey>,
) -> Result<Option<NoteKey>, BackupError> {
    let keys = match known {
        Some(known) => TrustedKeys::from_known(&past.keys, known).ok_or_else(|| {
            BackupError::damaged(NAME, &format!("the backup does not list the key {known}"))
        })?,
        // Without keys the folder has never signed anything.
        None if past.keys.is_empty() && !signed.is_signed() => return Ok(None),
        None => TrustedKeys::of_folder(&past.keys),
    };
    signed.check(&keys).map(Some)
}

/// Verifies the log, and compares it with the manifest and the checkpoints.
fn verify(
    manifest: &Manifest,
    past: &SignedPast,
    folder: &Path,
    mut goes_on: impl FnMut(AuditProgress) -> bool,
) -> Result<Verified, BackupError> {
    let damaged = |what: &str| BackupError::damaged(NAME, what);
    let trusted = TrustedKeys::of_folder(&past.keys);
    let mut checkpoints = Vec::new();
    for (note, number) in past.notes.iter().zip(1..) {
        let checkpoint = trusted.read_checkpoint(note);
        checkpoints.push(checkpoint.map_err(|error| {
            BackupError::damaged("audit/checkpoints", &format!("checkpoint {number}: {error}"))
        })?);
    }
    checkpoints.push(manifest.checkpoint().ok_or_else(|| damaged("its root is no root"))?);
    let ended = std::cell::Cell::new(false);
    let on_progress = |progress| ended.set(ended.get() || !goes_on(progress));
    let log = folder.join("log");
    let verified = verify_files_with(&log, &checkpoints, on_progress, |_, _| !ended.get());
    let verified = match verified {
        Err(_) if ended.get() => return Err(BackupError::Interrupted),
        verified => verified?,
    };
    let heads: HashMap<_, _> = manifest.heads().collect();
    if verified.origin.as_ref() != Some(&manifest.log) {
        return Err(damaged("it names another log"));
    }
    if verified.position != manifest.position || verified.unfinished_bytes > 0 {
        return Err(damaged(&format!(
            "it names position {}, and its log ends with {}",
            manifest.position, verified.position
        )));
    }
    if verified.heads != heads
        || (verified.commits, verified.events) != (manifest.commits, manifest.events)
    {
        return Err(damaged("its companies or counts are not those of its log"));
    }
    // The manifest itself is not one of the signed checkpoints.
    Ok(Verified { checkpoints: verified.checkpoints - 1, ..verified })
}

/// Looks what the target of a restore holds. It changes nothing.
///
/// # Errors
/// When it holds anything but the same log at the same position, or cannot be read.
pub fn target_of(manifest: &Manifest, data: &Path) -> Result<Target, BackupError> {
    let entries = match fs::read_dir(data) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(source) => return Err(failed("list", data)(source)),
    };
    if !entries {
        return Ok(Target::Empty);
    }
    let elsewhere = "restore into a new folder, or move that one away first";
    let (shown, position) = (data.display(), manifest.position);
    let log = data.join("log");
    if !log.is_dir() || data.join("MOVED").exists() {
        let message = format!("{shown} is not empty, and has no log in files; {elsewhere}");
        return Err(BackupError::refused("restore.not_empty", message));
    }
    let found = verify_files(&log, &[], |_| ());
    let found = match found {
        Ok(found) => found,
        Err(AuditError::Found(finding)) => {
            let message = format!("the log of {shown} failed its check ({finding}); {elsewhere}");
            return Err(BackupError::refused("restore.damaged_target", message));
        }
        Err(error) => return Err(error.into()),
    };
    let refused =
        |code, what: String| Err(BackupError::refused(code, format!("{what}; {elsewhere}")));
    match &found.origin {
        Some(origin) if *origin == manifest.log => {}
        None => return refused("restore.not_empty", format!("{shown} is not empty")),
        Some(origin) => {
            let what =
                format!("the log of {shown} is {origin}, and the backup is of {}", manifest.log);
            return refused("restore.other_log", what);
        }
    }
    let end = found.position;
    if end > position {
        let what = format!(
            "the log of {shown} is newer: it ends with position {end}, and the backup with {position}"
        );
        return refused("restore.target_newer", what);
    }
    if end < position {
        let what = format!(
            "the log of {shown} is older: it ends with position {end}, and the backup with {position}"
        );
        return refused("restore.target_older", what);
    }
    if found.heads != manifest.heads().collect::<HashMap<_, _>>() {
        let what = format!("the log of {shown} has another history up to position {position}");
        return refused("restore.other_history", what);
    }
    let lacks = |path: &&str| !path.starts_with("log/") && !data.join(path).exists();
    let missing: Vec<_> = manifest.files.iter().map(|file| &*file.path).filter(lacks).collect();
    if !missing.is_empty() {
        let what = format!(
            "{shown} has the same log, and lacks {}; to get them from the backup, restore it into a new folder and copy them from there",
            missing.join(", ")
        );
        return Err(BackupError::refused("restore.target_incomplete", what));
    }
    Ok(Target::Same)
}

/// Fills a data folder that does not exist or is empty. An interrupted restore leaves nothing in it.
///
/// # Errors
/// When an object is damaged, or files cannot be written.
pub fn fill(
    backup: &Path,
    checked: &Checked,
    data: &Path,
    on_progress: OnProgress<'_>,
) -> Result<(), BackupError> {
    let backup = Folder::existing(backup);
    let parent = match data.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    make_folder(&parent)?;
    // Only the owner may read the folder, because it holds personal data.
    let unfinished = tempfile::Builder::new()
        .prefix(".boarding-restore-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(&parent);
    let unfinished = unfinished.map_err(failed("make a folder in", &parent))?;
    let folder = unfinished.path();
    for part in PARTS {
        make_folder(&folder.join(part))?;
    }
    let total = checked.manifest.bytes();
    let mut done = 0;
    for entry in &checked.manifest.files {
        let path = folder.join(&entry.path);
        let mut file = create(&path).map_err(failed("write", &path))?;
        store::read(&backup, entry, |part| {
            file.write_all(part).map_err(failed("write", &path))?;
            done += part.len() as u64;
            match on_progress(done, total) {
                true => Ok(()),
                false => Err(BackupError::Interrupted),
            }
        })?;
        file.sync_all().map_err(failed("sync", &path))?;
    }
    for part in PARTS {
        sync(&folder.join(part))?;
    }
    sync(folder)?;
    fs::rename(folder, data).map_err(failed("put the restored files into", data))?;
    // The folder has its name now, so there is nothing to remove.
    drop(unfinished.keep());
    sync(&parent)
}
