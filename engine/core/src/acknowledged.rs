//! The file that names a position up to which commands have certainly been answered: a second place beside the log.
//!
//! A log that has lost its end may look whole. The signed checkpoints show that, but the newest may be a minute old.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use boarding_audit::newest_signed;
use boarding_commands::values::Digest;

const NAME: &str = "acknowledged";
const FIRST_LINE: &str = "boarding acknowledged 1";

/// Writes the position of the log with this name. It is durable on return.
///
/// # Errors
/// Those of the file system.
pub(crate) fn write(folder: &Path, log: &str, position: u64) -> io::Result<()> {
    let (path, unfinished) = (folder.join(NAME), folder.join("acknowledged.tmp"));
    let text = format!("{FIRST_LINE}\n{log}\n{position}\n");
    let mut file = File::create(&unfinished)?;
    file.write_all(format!("{text}{}\n", Digest::of(text.as_bytes())).as_bytes())?;
    // The bytes come before the name: after a loss of power the name must never point to a file without content.
    file.sync_all()?;
    fs::rename(&unfinished, &path)?;
    File::open(folder)?.sync_all()
}

/// The position up to which commands of a log were certainly answered, by this file and by the newest signed checkpoint in the
/// same folder. 0 if neither names one. Without the name of a log, that of any log: all segments of the log are lost.
///
/// A file that is damaged, and a checkpoint whose signature is wrong, name none: they must not keep a whole log closed.
pub fn answered_up_to(folder: &Path, log: Option<&str>) -> u64 {
    let signed = newest_signed(folder, log).map_or(0, |checkpoint| checkpoint.position);
    signed.max(read(folder, log).unwrap_or(0))
}

fn read(folder: &Path, log: Option<&str>) -> Option<u64> {
    let whole = fs::read_to_string(folder.join(NAME)).ok()?;
    let (text, digest) = whole.strip_suffix('\n')?.rsplit_once('\n')?;
    let text = format!("{text}\n");
    if Digest::of(text.as_bytes()).to_string() != digest {
        return None;
    }
    let mut lines = text.strip_prefix(FIRST_LINE)?.strip_prefix('\n')?.lines();
    let is_wanted = lines.next().is_some_and(|named| log.is_none_or(|log| log == named));
    is_wanted.then(|| lines.next()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_is_read_for_its_own_log_only() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let log = Some("boarding.log/1");
        assert_eq!(read(folder, log), None);
        write(folder, "boarding.log/1", 7).unwrap();
        write(folder, "boarding.log/1", 12).unwrap();
        assert_eq!((read(folder, log), read(folder, None)), (Some(12), Some(12)));
        assert_eq!(read(folder, Some("boarding.log/12")), None);
        assert_eq!(answered_up_to(folder, log), 12);
        let whole = fs::read_to_string(folder.join(NAME)).unwrap();
        for damaged in [whole.replace("\n12\n", "\n92\n"), whole[..whole.len() - 2].to_owned()] {
            fs::write(folder.join(NAME), damaged).unwrap();
            assert_eq!(read(folder, log), None);
        }
    }
}
