//! Archives of profile pictures: unpacked within limits, each picture stored by digest.

mod archive;
mod decode;

use std::io::{BufReader, Cursor, Read, Seek};
use std::slice;

use boarding_commands::decide::facts::{ArchiveContents, ArchivePicture, StoredPicture};
use boarding_commands::decide::{Authority, ImportPictures};
use boarding_commands::event::{FileRef, Permission, PictureFormat};
use boarding_commands::values::{Code, Digest, Personal, Refusal};
use boarding_csv::{clean_name, has_invisible};
use serde_json::{Value, json};

use archive::{Archive, ArchiveEntry, ArchiveError, EntryError};

use super::command_files::{CommandFiles, publish};
use super::{ReceivedCommand, Sender, keep_all, objects};
use crate::context::EngineContext;
use crate::files::{Files, KeepError};
use crate::limits::{
    ARCHIVE_ENTRIES_MAX, PICTURE_BYTES_BELOW, PICTURE_NAME_CHARS_MAX, PICTURES_BYTES_MAX,
    PICTURES_FREE_BYTES, PICTURES_PER_ARCHIVE_MAX, PICTURES_RATIO_MAX,
};
use crate::registry::Companies;
use crate::reply::Reply;

/// Stores an archive and its pictures, if the actor may import. A repeated command is detected before reading.
pub(super) async fn prepare(
    context: &EngineContext,
    companies: &Companies,
    received: &ReceivedCommand<'_>,
    pictures: &ImportPictures,
    command_files: &mut CommandFiles,
) -> Result<(Digest, ArchiveContents), Reply> {
    let ReceivedCommand { company, body, envelope, authority } = *received;
    let known = context.knows(company, envelope.id);
    if authority == Authority::Granted && !known {
        check_permission(companies, received, Permission::BulkImportUsers).await?;
    }
    let bodies = slice::from_ref(&pictures.file);
    let recalled = match known {
        true => objects::recall(context, company, envelope.id, bodies).map_err(Reply::rejected)?,
        false => None,
    };
    let files = match recalled {
        Some(files) => files,
        None => keep_all(context, company, bodies, authority).await.map_err(Reply::rejected)?,
    };
    *command_files = CommandFiles::of(bodies, &files);
    let file =
        files.into_iter().next().ok_or_else(|| Reply::rejected(Code::EnvelopeMalformed.into()))?;
    let mut fields = body.as_object().cloned().unwrap_or_default();
    fields.remove("zip");
    fields.insert("file".to_owned(), json!({"name": file.name, "sha256": file.sha256}));
    let digest = Digest::of_body("ImportPictures", &Value::Object(fields));
    if let Some(first) = context.first_answer(company, envelope.id, digest) {
        return Err(first);
    }
    let files = context.files.clone();
    let reading = tokio::task::spawn_blocking(move || read(&files, file)).await;
    let read = reading.unwrap_or_else(|error| Err(unavailable(&error)));
    let read = read.map_err(Reply::rejected)?;
    let stored = read.pictures.iter().filter_map(|one| one.content.as_ref().ok());
    command_files.add_pictures(stored.map(|picture| picture.sha256.clone()));
    publish(&context.files, slice::from_ref(&read.file)).await?;
    Ok((digest, read))
}

/// Refuses an actor without the permission, before anything is kept.
async fn check_permission(
    companies: &Companies,
    received: &ReceivedCommand<'_>,
    needed: Permission,
) -> Result<(), Reply> {
    let sender = Sender::of(received.envelope);
    let handle = companies.actor(received.company).await;
    let inspection = handle.inspect(move |company| sender.check(company, needed));
    inspection.await.ok_or_else(Reply::stopped)?.map_err(Reply::rejected)
}

/// Reads a stored archive and stores each picture.
///
/// # Errors
/// `import.unsupported_file_type`, `zip.too_many_entries`, or `unavailable`: then no picture is imported.
fn read(files: &Files, file: FileRef) -> Result<ArchiveContents, Refusal> {
    let input = files.open(&file.sha256).map_err(|error| unavailable(&error))?;
    let opened = Archive::open(BufReader::new(input), ARCHIVE_ENTRIES_MAX);
    let mut archive = opened.map_err(|error| no_archive(&error, &file))?;
    let entries = std::mem::take(&mut archive.entries);
    let named: Vec<_> = entries.iter().filter_map(|entry| Some((name_of(entry)?, entry))).collect();
    if named.len() > PICTURES_PER_ARCHIVE_MAX {
        let actual = Some(named.len());
        return Err(too_many("pictures", PICTURES_PER_ARCHIVE_MAX, actual));
    }
    let mut pictures = Vec::with_capacity(named.len());
    let stored =
        store_all(files, &mut archive, &named, UnpackBudget::of(file.bytes), &mut pictures);
    if let Err(refusal) = stored {
        // An archive that cannot be read whole leaves no picture behind.
        let stored = pictures.iter().filter_map(|one: &ArchivePicture| one.content.as_ref().ok());
        stored.for_each(|picture| files.discard(&picture.sha256));
        return Err(refusal);
    }
    Ok(ArchiveContents { file, pictures })
}

/// Stores each picture of an archive, and adds it with its outcome.
fn store_all<R: Read + Seek>(
    files: &Files,
    archive: &mut Archive<R>,
    named: &[(String, &ArchiveEntry)],
    mut budget: UnpackBudget,
    pictures: &mut Vec<ArchivePicture>,
) -> Result<(), Refusal> {
    for (name, entry) in named {
        let content = if hides_something(entry) {
            Err(Code::PictureNoMatch)
        } else {
            match unpack(archive, entry, &mut budget) {
                Ok((content, format)) => Ok(keep(files, name, content, format)?),
                Err(PictureProblem::Picture(code)) => Err(code),
                Err(PictureProblem::Disk(error)) => return Err(unavailable(&error)),
            }
        };
        pictures.push(ArchivePicture { name: Personal(name.clone()), content });
    }
    Ok(())
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

/// The bytes and the format of a picture.
fn unpack<R: Read + Seek>(
    archive: &mut Archive<R>,
    entry: &ArchiveEntry,
    budget: &mut UnpackBudget,
) -> Result<(Vec<u8>, PictureFormat), PictureProblem> {
    let rejected = |code: Code| Err(PictureProblem::Picture(code));
    if is_unsafe(entry) {
        return rejected(Code::ZipUnsafePath);
    }
    if entry.is_encrypted {
        return rejected(Code::ZipEncrypted);
    }
    if entry.bytes >= PICTURE_BYTES_BELOW {
        return rejected(Code::PictureTooLarge);
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

fn too_many(of: &str, limit: usize, actual: Option<usize>) -> Refusal {
    let details = json!({"of": of, "limit": limit, "actual": actual});
    let words = format!("the limit is {limit} {of}");
    Refusal::new(Code::ZipTooManyEntries).saying(&words).with(details)
}

fn unavailable(error: &dyn std::error::Error) -> Refusal {
    Refusal::new(Code::Unavailable).saying(&boarding_log::error_chain(error))
}

#[cfg(test)]
mod tests;
