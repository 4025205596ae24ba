//! The file that names a position up to which commands have certainly been answered: a second place beside the log.
//!
//! A log that has lost its end may look whole. The signed checkpoints show that, but the newest may be a minute old.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use boarding_audit::newest_position;

const NAME: &str = "acknowledged";
const FIRST_LINE: &str = "boarding acknowledged 1";

/// Writes the position of the log with this name. It is durable on return.
///
/// # Errors
/// Those of the file system.
pub(crate) fn write(folder: &Path, log: &str, position: u64) -> io::Result<()> {
    let (path, unfinished) = (folder.join(NAME), folder.join("acknowledged.tmp"));
    let mut file = File::create(&unfinished)?;
    file.write_all(format!("{FIRST_LINE}\n{log}\n{position}\n").as_bytes())?;
    // The bytes come before the name: after a loss of power the name must never point to a file without content.
    file.sync_all()?;
    fs::rename(&unfinished, &path)?;
    File::open(folder)?.sync_all()
}

/// The position up to which commands of the log with this name were certainly answered, by this file and by the newest signed
/// checkpoint in the same folder. 0 if neither names one.
pub fn answered_up_to(folder: &Path, log: &str) -> u64 {
    let signed = newest_position(folder, log).unwrap_or(0);
    signed.max(read(folder, log).unwrap_or(0))
}

/// The position, if the file is of the log with this name. A file that cannot be read names none.
pub(crate) fn read(folder: &Path, log: &str) -> Option<u64> {
    let text = fs::read_to_string(folder.join(NAME)).ok()?;
    let position = text.strip_prefix(FIRST_LINE)?.strip_prefix('\n')?.strip_prefix(log)?;
    position.strip_prefix('\n')?.strip_suffix('\n')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_is_read_for_its_own_log_only() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert_eq!(read(folder, "boarding.log/1"), None);
        write(folder, "boarding.log/1", 7).unwrap();
        write(folder, "boarding.log/1", 12).unwrap();
        assert_eq!(read(folder, "boarding.log/1"), Some(12));
        assert_eq!(read(folder, "boarding.log/12"), None);
        assert_eq!(read(folder, "boarding.log/"), None);
        fs::write(folder.join(NAME), "boarding acknowledged 1\nboarding.log/1\n1").unwrap();
        assert_eq!(read(folder, "boarding.log/1"), None, "the file is cut short");
    }
}
