//! The id of an outbox: a random number in a file of the folder, with the number of the folder itself. A copy of the
//! folder has another number, so it gets another id.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use boarding_commands::event::OutboxId;
use boarding_log::random_bytes;

use super::write::{grow, sync};

/// The file with the id in hexadecimal, and the number of the folder.
const FILE: &str = ".id";

/// The id of the outbox in this folder; none if it has none, or if the folder is a copy.
///
/// # Errors
/// Those of the file system.
pub(super) fn read(folder: &Path) -> io::Result<Option<OutboxId>> {
    let text = match fs::read_to_string(folder.join(FILE)) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let own = fs::metadata(folder)?.ino().to_string();
    let known = text.split_once(' ').filter(|(_, number)| number.trim() == own);
    Ok(known.and_then(|(id, _)| u32::from_str_radix(id, 16).ok()).map(OutboxId))
}

/// The id of the outbox in this folder, which gets a new one if it has none. `growing` is the path of the unfinished
/// file.
///
/// # Errors
/// Those of the file system.
pub(super) fn read_or_make(folder: &Path, growing: &Path) -> io::Result<OutboxId> {
    if let Some(known) = read(folder)? {
        return Ok(known);
    }
    let id = u32::from_be_bytes(random_bytes()?);
    let text = format!("{id:08x} {}\n", fs::metadata(folder)?.ino());
    grow(growing, &folder.join(FILE), text.as_bytes())?;
    sync(folder)?;
    Ok(OutboxId(id))
}
