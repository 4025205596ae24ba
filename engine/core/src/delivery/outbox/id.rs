//! The id of an outbox: a random number in a file of the folder.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use boarding_commands::event::OutboxId;
use boarding_log::random_bytes;

/// The file with the id, in hexadecimal.
const FILE: &str = ".id";

/// The id of the outbox in this folder; none if it has none that can be read.
pub(super) fn read(folder: &Path) -> Option<OutboxId> {
    let text = fs::read_to_string(folder.join(FILE)).ok()?;
    u32::from_str_radix(text.trim(), 16).ok().map(OutboxId)
}

/// The id of the outbox in this folder, which gets a new one if it has none. `growing` is the path of the unfinished
/// file.
///
/// # Errors
/// Those of the file system.
pub(super) fn read_or_make(folder: &Path, growing: &Path) -> io::Result<OutboxId> {
    if let Some(known) = read(folder) {
        return Ok(known);
    }
    let id = u32::from_be_bytes(random_bytes()?);
    let mut file = File::create(growing)?;
    writeln!(file, "{id:08x}")?;
    file.sync_data()?;
    fs::rename(growing, folder.join(FILE))?;
    File::open(folder)?.sync_all()?;
    Ok(OutboxId(id))
}
