//! Archives of profile pictures: unpacked within limits, each picture stored by digest.

mod archive;
mod decode;

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Cursor, ErrorKind, Read, Seek};

use boarding_commands::decide::facts::{ArchiveContents, ArchivePicture, StoredPicture};
use boarding_commands::event::{Event, FileRef, PictureFormat};
use boarding_commands::values::{Code, Personal, Refusal};
use boarding_csv::{clean_name, has_invisible};
use serde_json::json;

use archive::{Archive, ArchiveEntry, ArchiveError, EntryError};

use crate::files::{Files, KeepError};
use crate::limits::{
    ARCHIVE_ENTRIES_MAX, PICTURE_BYTES_BELOW, PICTURE_NAME_CHARS_MAX, PICTURES_BYTES_MAX,
    PICTURES_FREE_BYTES, PICTURES_PER_ARCHIVE_MAX, PICTURES_PER_COMMIT, PICTURES_RATIO_MAX,
};

/// Keeps the pictures that a user got by these events, and removes the others.
pub(crate) fn settle_pictures(files: &Files, pictures: &[String], events: &[Event]) {
    let used = |event: &Event| match event {
        Event::PictureInserted { sha256, .. } => Some(sha256.clone()),
        _ => None,
    };
    let used: HashSet<String> = events.iter().filter_map(used).collect();
    for sha256 in pictures {
        if used.contains(sha256) {
            files.confirm(sha256);
        } else {
            files.discard(sha256);
        }
    }
}

/// The digests of the stored pictures.
pub(crate) fn digests(pictures: &[ArchivePicture]) -> impl Iterator<Item = &String> {
    pictures.iter().filter_map(|picture| Some(&picture.content.as_ref().ok()?.sha256))
}

/// Removes the files of pictures that no user gets.
pub(crate) fn discard_pictures(files: &Files, pictures: &[ArchivePicture]) {
    digests(pictures).for_each(|sha256| files.discard(sha256));
}

/// Reads a stored archive. Stores each picture, unless there are more than one commit can hold: then only their number is
/// read.
///
/// # Errors
/// `import.unsupported_file_type`, `zip.too_many_entries`, or `unavailable`: then no picture is imported.
pub(crate) fn read(files: &Files, file: FileRef) -> Result<ArchiveContents, Refusal> {
    let mut reader = PictureReader::open(files, &file)?;
    let total = reader.named.len() as u64;
    if reader.named.len() > PICTURES_PER_COMMIT {
        return Ok(ArchiveContents { file, total, pictures: Vec::new() });
    }
    let pictures = reader.read(usize::MAX)?;
    Ok(ArchiveContents { file, total, pictures })
}

/// Reads the pictures of a stored archive, in the order of the archive.
pub(crate) struct PictureReader {
    files: Files,
    archive: Archive<BufReader<File>>,
    /// The pictures that are still to be read, with their names.
    named: VecDeque<(String, ArchiveEntry)>,
    budget: UnpackBudget,
}

impl PictureReader {
    /// Opens the archive and reads its directory.
    ///
    /// # Errors
    /// `import.unsupported_file_type`, `zip.too_many_entries`, or `unavailable`.
    pub(crate) fn open(files: &Files, file: &FileRef) -> Result<Self, Refusal> {
        Self::over(files, file, files.open(&file.sha256))
    }

    /// As [`PictureReader::open`], after comparing all bytes of the archive with its digest.
    ///
    /// # Errors
    /// Those of `open`, and `import.file_lost` for another file.
    pub(crate) fn open_compared(files: &Files, file: &FileRef) -> Result<Self, Refusal> {
        Self::over(files, file, files.open_compared(&file.sha256))
    }

    fn over(files: &Files, file: &FileRef, input: std::io::Result<File>) -> Result<Self, Refusal> {
        let input = input.map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::InvalidData => Refusal::new(Code::ImportFileLost),
            _ => unavailable(&error),
        })?;
        let mut input = BufReader::new(input);
        let is_picture = input.fill_buf().is_ok_and(|start| decode::format_of(start).is_some());
        let opened = Archive::open(input, ARCHIVE_ENTRIES_MAX);
        let mut archive = opened.map_err(|error| match error {
            ArchiveError::Malformed if is_picture => no_archive_but_picture(file),
            _ => no_archive(&error, file),
        })?;
        let entries = std::mem::take(&mut archive.entries).into_iter();
        let named: VecDeque<_> =
            entries.filter_map(|entry| Some((name_of(&entry)?, entry))).collect();
        if named.len() > PICTURES_PER_ARCHIVE_MAX {
            let actual = Some(named.len());
            return Err(too_many("pictures", PICTURES_PER_ARCHIVE_MAX, actual));
        }
        let budget = UnpackBudget::of(file.bytes);
        Ok(Self { files: files.clone(), archive, named, budget })
    }

    /// Skips the first pictures, which have an outcome already.
    pub(crate) fn skip(&mut self, pictures: u64) {
        for _ in 0..pictures {
            let Some((_, entry)) = self.named.pop_front() else { return };
            // A picture that is refused without being read uses no budget, as in the first attempt.
            if !hides_something(&entry) && refused_unread(&entry).is_none() {
                self.budget.0 = self.budget.0.saturating_sub(entry.bytes);
            }
        }
    }

    /// Reads and stores the next pictures, up to the given number. An empty answer means that none is left.
    ///
    /// # Errors
    /// `unavailable`: then none of these pictures is stored.
    pub(crate) fn read(&mut self, most: usize) -> Result<Vec<ArchivePicture>, Refusal> {
        let mut pictures = Vec::new();
        while pictures.len() < most {
            let Some((name, entry)) = self.named.pop_front() else { break };
            match self.read_one(&name, &entry) {
                Ok(content) => pictures.push(ArchivePicture { name: Personal(name), content }),
                Err(refusal) => {
                    // The caller gets none of these pictures, so their files are removed.
                    discard_pictures(&self.files, &pictures);
                    return Err(refusal);
                }
            }
        }
        Ok(pictures)
    }

    fn read_one(
        &mut self,
        name: &str,
        entry: &ArchiveEntry,
    ) -> Result<Result<StoredPicture, Code>, Refusal> {
        if hides_something(entry) {
            return Ok(Err(Code::PictureNoMatch));
        }
        match unpack(&mut self.archive, entry, &mut self.budget) {
            Ok((content, format)) => keep(&self.files, name, content, format).map(Ok),
            Err(PictureProblem::Picture(code)) => Ok(Err(code)),
            Err(PictureProblem::Disk(error)) => Err(unavailable(&error)),
        }
    }
}

/// Why an entry is not an accepted picture.
enum PictureProblem {
    Picture(Code),
    Disk(std::io::Error),
}

/// The remaining unpack limit of an archive, in bytes.
struct UnpackBudget(u64);

impl UnpackBudget {
    fn of(archive_bytes: u64) -> Self {
        let by_ratio = archive_bytes.saturating_mul(PICTURES_RATIO_MAX);
        Self(by_ratio.clamp(PICTURES_FREE_BYTES, PICTURES_BYTES_MAX))
    }
}

/// Why an entry is refused by what the directory of the archive says, before it is unpacked.
fn refused_unread(entry: &ArchiveEntry) -> Option<Code> {
    if is_unsafe(entry) {
        return Some(Code::ZipUnsafePath);
    }
    if entry.is_encrypted {
        return Some(Code::ZipEncrypted);
    }
    (entry.bytes >= PICTURE_BYTES_BELOW).then_some(Code::PictureTooLarge)
}

/// The bytes and the format of a picture.
fn unpack<R: Read + Seek>(
    archive: &mut Archive<R>,
    entry: &ArchiveEntry,
    budget: &mut UnpackBudget,
) -> Result<(Vec<u8>, PictureFormat), PictureProblem> {
    let rejected = |code: Code| Err(PictureProblem::Picture(code));
    if let Some(code) = refused_unread(entry) {
        return rejected(code);
    }
    let below = PICTURE_BYTES_BELOW.min(budget.0);
    let content = match archive.read(entry, below) {
        Ok(content) => content,
        Err(EntryError::TooLarge) => {
            budget.0 -= below;
            let is_large = below == PICTURE_BYTES_BELOW;
            return rejected(if is_large {
                Code::PictureTooLarge
            } else {
                Code::ImportDecompressionLimit
            });
        }
        Err(EntryError::Malformed(bytes)) => {
            budget.0 = budget.0.saturating_sub(bytes);
            return rejected(Code::PictureUnsupportedFormat);
        }
        Err(EntryError::Io(error)) => return Err(PictureProblem::Disk(error)),
    };
    budget.0 -= content.len() as u64;
    match decode::check(&content) {
        Ok(format) => Ok((content, format)),
        Err(code) => rejected(code),
    }
}

fn keep(
    files: &Files,
    name: &str,
    content: Vec<u8>,
    format: PictureFormat,
) -> Result<StoredPicture, Refusal> {
    let kept = files.keep(name, Cursor::new(content), PICTURE_BYTES_BELOW);
    let FileRef { sha256, bytes, .. } = kept.map_err(|error: KeepError| unavailable(&error))?;
    if let Err(error) = files.publish(&sha256) {
        files.discard(&sha256);
        return Err(unavailable(&error));
    }
    Ok(StoredPicture { sha256, bytes, format })
}

/// Files that Windows and macOS add to archives, in lower case.
const LEFTOVERS: [&str; 3] = [".ds_store", "thumbs.db", "desktop.ini"];

/// The name of the picture without folders; `None` for folders and system files.
fn name_of(entry: &ArchiveEntry) -> Option<String> {
    let base = parts(entry).last().filter(|base| !base.is_empty())?;
    let left = parts(entry).any(|part| part.eq_ignore_ascii_case("__MACOSX"))
        || base.starts_with("._")
        || LEFTOVERS.contains(&base.to_ascii_lowercase().as_str());
    (!left).then(|| clean_name(base).chars().take(PICTURE_NAME_CHARS_MAX).collect())
}

/// Whether the name has invisible characters: two different names would look the same.
fn hides_something(entry: &ArchiveEntry) -> bool {
    parts(entry).last().is_some_and(has_invisible)
}

fn parts(entry: &ArchiveEntry) -> impl Iterator<Item = &str> {
    entry.path.split(['/', '\\'])
}

/// Whether the path leaves the archive or is malformed. Paths are never used to open files.
fn is_unsafe(entry: &ArchiveEntry) -> bool {
    entry.is_special
        || entry.path.starts_with(['/', '\\'])
        || entry.path.contains(|c: char| c == ':' || c.is_control())
        || parts(entry).any(|part| part == "..")
}

fn no_archive(error: &ArchiveError, file: &FileRef) -> Refusal {
    match error {
        ArchiveError::Io(error) => unavailable(error),
        ArchiveError::TooManyEntries => too_many("entries", ARCHIVE_ENTRIES_MAX, None),
        ArchiveError::Ambiguous => Refusal {
            code: Code::ImportUnsupportedFileType,
            message: "The archive lists a file twice, or not as many files as it says it holds, so that two programs \
                      would unpack it differently; pack each picture once, under a name of its own."
                .to_owned(),
            details: json!({"file": file.name}),
        },
        ArchiveError::Malformed => Refusal {
            code: Code::ImportUnsupportedFileType,
            message: "This is not a zip archive, or it is damaged; create the archive again."
                .to_owned(),
            details: json!({"file": file.name}),
        },
    }
}

/// The refusal of a single picture: it must be in an archive, too.
fn no_archive_but_picture(file: &FileRef) -> Refusal {
    Refusal {
        code: Code::ImportUnsupportedFileType,
        message: "This is a picture and not a zip archive; put the pictures into a zip archive, also a single one."
            .to_owned(),
        details: json!({"file": file.name, "found": "picture"}),
    }
}

fn too_many(of: &str, limit: usize, actual: Option<usize>) -> Refusal {
    let details = json!({"of": of, "limit": limit, "actual": actual});
    let words = format!("the limit is {limit} {of}");
    Refusal::new(Code::ZipTooManyEntries).saying(&words).with(details)
}

pub(crate) fn unavailable(error: &dyn std::error::Error) -> Refusal {
    Refusal::new(Code::Unavailable).saying(&boarding_log::error_chain(error))
}

#[cfg(test)]
mod tests;
