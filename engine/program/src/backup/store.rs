//! The objects of a backup: written once under their digest, checked when they are read.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::error::{BackupError, failed};
use super::manifest::{FileEntry, Manifest, Signed, hex};
use super::place::{DRAFT, Place};

/// The size of the copy buffer, in bytes.
const CHUNK_BYTES: usize = 256 * 1024;

/// The place of a backup that is being made, and the objects that it has.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) place: Box<dyn Place>,
    objects: HashMap<String, u64>,
}

/// Reads the manifest of a place; none if there is no complete backup.
///
/// # Errors
/// When it cannot be read, or is damaged.
pub(super) fn manifest(place: &dyn Place) -> Result<Option<Signed>, BackupError> {
    place.manifest()?.map(|bytes| Manifest::parse(&bytes)).transpose()
}

/// Reads the object of a file and checks its length and digest. `write` gets its bytes in parts.
///
/// # Errors
/// When it is missing or damaged, or `write` fails.
pub(super) fn read(
    place: &dyn Place,
    entry: &FileEntry,
    mut write: impl FnMut(&[u8]) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let shown = place.shown(Some(&entry.sha256));
    let damaged = |what: &str| BackupError::damaged(&entry.path, &format!("{what} ({shown})"));
    let object = place.open(&entry.sha256)?;
    let mut object = object.ok_or_else(|| damaged("its object is missing"))?;
    let mut left = entry.bytes;
    let sha256 = digest_parts(&mut object, Path::new(&shown), |part| {
        let is_longer = part.len() as u64 > left;
        left = left.saturating_sub(part.len() as u64);
        if is_longer { Err(damaged("it is longer than the manifest says")) } else { write(part) }
    })?;
    match (left, sha256 == entry.sha256) {
        (0, true) => Ok(()),
        (0, false) => Err(damaged("its bytes were changed")),
        _ => Err(damaged(&format!("it lacks {left} of {} bytes", entry.bytes))),
    }
}

/// Reads to the end, in parts, and returns the SHA-256 in hexadecimal digits.
fn digest_parts(
    content: &mut dyn Read,
    source: &Path,
    mut write: impl FnMut(&[u8]) -> Result<(), BackupError>,
) -> Result<String, BackupError> {
    let mut digest = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = content.read(&mut chunk).map_err(failed("read", source))?;
        let part = chunk.get(..count).unwrap_or_default();
        if part.is_empty() {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(part);
        write(part)?;
    }
}

/// Whether an object has a name that backups give: a digest, or that of one that is not whole yet.
fn is_of_backup(name: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    name.starts_with(DRAFT) || (name.len() == 64 && name.bytes().all(is_digit))
}

impl Store {
    /// Opens a place for a backup.
    ///
    /// # Errors
    /// `backup.other_content` when it holds anything that no backup has; when it cannot be read.
    pub(super) fn open(place: Box<dyn Place>) -> Result<Self, BackupError> {
        let objects = place.objects()?;
        // Systems put files of their own into folders, with such names.
        let is_hidden = |name: &str| name.starts_with(['.', '@']);
        let is_other = |name: &&String| !is_of_backup(name) && !is_hidden(name);
        let other = objects.keys().find(is_other);
        if let Some(other) = other
            && place.manifest()?.is_none()
        {
            let message = format!(
                "{} holds {other}, which is no part of a backup; give an empty place, or that of an earlier backup",
                place.shown(None)
            );
            return Err(BackupError::refused("backup.other_content", message));
        }
        Ok(Self { place, objects })
    }

    /// Whether the object of a file is there with its length. Its bytes are not read.
    pub(super) fn has(&self, entry: &FileEntry) -> bool {
        self.objects.get(&entry.sha256) == Some(&entry.bytes)
    }

    /// Writes an object, unless it is there. Returns its entry, and whether it was written.
    ///
    /// # Errors
    /// When the content cannot be read, or the object cannot be written.
    pub(super) fn write(
        &mut self,
        path: &str,
        content: &mut dyn Read,
        source: &Path,
    ) -> Result<(FileEntry, bool), BackupError> {
        let mut draft = self.place.draft()?;
        let mut bytes = 0;
        let draft_path = draft.path().to_owned();
        let sha256 = digest_parts(content, source, |part| {
            bytes += part.len() as u64;
            draft.write_all(part).map_err(failed("write", &draft_path))
        })?;
        let entry = FileEntry { path: path.to_owned(), bytes, sha256 };
        let is_new = !self.has(&entry);
        // The bytes are right and at hand, and those of the object may be damaged.
        self.place.put(&entry.sha256, draft)?;
        self.objects.insert(entry.sha256.clone(), bytes);
        Ok((entry, is_new))
    }

    /// Completes the backup: from now on the manifest counts. Then removes the objects that only an earlier one needs.
    ///
    /// # Errors
    /// When the place cannot be written.
    pub(super) fn complete(&self, bytes: &[u8], manifest: &Manifest) -> Result<(), BackupError> {
        self.place.put_manifest(bytes)?;
        let needed: HashSet<_> = manifest.files.iter().map(|entry| entry.sha256.as_str()).collect();
        let objects = self.place.objects()?;
        let is_unneeded =
            |object: &&String| is_of_backup(object) && !needed.contains(object.as_str());
        let unneeded = objects.keys().filter(is_unneeded);
        unneeded.into_iter().try_for_each(|object| self.place.remove(object))
    }
}
