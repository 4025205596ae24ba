//! Writes files and names that survive a loss of power.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// Writes a file under the name `growing`, and gives it its name once it is whole and synced.
pub(super) fn grow(growing: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(growing)?;
    file.write_all(bytes)?;
    // Sync before rename: after a loss of power, the name must never belong to a part of a mail. The caller syncs the
    // folder, once for all mails of a batch.
    file.sync_data()?;
    fs::rename(growing, path)
}

/// Syncs a folder.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
