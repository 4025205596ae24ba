//! A file of signed notes, to which notes are only appended. An empty line ends each note.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::note::{MARK, NOTE_BYTES_MAX, SignedNote};

/// Only the owner may read the files.
pub(crate) const FILE_MODE: u32 = 0o600;

/// The part of a file that is read for its last note, in bytes: a note of usual size fits a hundred times.
const TAIL_BYTES: u64 = NOTE_BYTES_MAX as u64;

/// Reads the notes of a file; none if it does not exist. An unfinished note at the end is left out: the write was
/// interrupted.
///
/// # Errors
/// When the file cannot be read, or holds something else.
pub(crate) fn read(path: &Path) -> io::Result<Vec<SignedNote>> {
    match fs::read(path) {
        Ok(bytes) => parse(&bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Reads the last notes of a file: as many as its last [`TAIL_BYTES`] hold.
///
/// # Errors
/// When the file cannot be read, or holds something else.
pub(crate) fn read_last(path: &Path) -> io::Result<Vec<SignedNote>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let (tail, is_whole) = tail(&mut file)?;
    let first = if is_whole { 0 } else { ends(&tail).next().unwrap_or(0) };
    parse(tail.get(first..).unwrap_or_default())
}

/// Appends a note and makes it durable.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn append(path: &Path, note: &SignedNote) -> io::Result<()> {
    let is_new = !path.exists();
    let mut options = OpenOptions::new();
    let mut file = options.create(true).read(true).append(true).mode(FILE_MODE).open(path)?;
    let (tail, _) = tail(&mut file)?;
    let unfinished = match ends(&tail).last() {
        Some(end) => (tail.len() - end) as u64,
        // No note ends in the tail: the whole file is read.
        None => {
            let whole = fs::read(path)?;
            (whole.len() - ends(&whole).last().unwrap_or(0)) as u64
        }
    };
    if unfinished > 0 {
        file.set_len(file.metadata()?.len() - unfinished)?;
    }
    file.write_all(format!("{note}\n").as_bytes())?;
    file.sync_data()?;
    if is_new { sync_folder(path) } else { Ok(()) }
}

/// The last bytes of a file, and whether they are the whole file.
fn tail(file: &mut File) -> io::Result<(Vec<u8>, bool)> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail)?;
    Ok((tail, from == 0))
}

fn parse(bytes: &[u8]) -> io::Result<Vec<SignedNote>> {
    let invalid = |what: &str| io::Error::new(ErrorKind::InvalidData, what.to_owned());
    let mut start = 0;
    let note = |end: usize| {
        let note = bytes.get(start..end - 1).unwrap_or_default();
        start = end;
        let text = std::str::from_utf8(note).map_err(|_| invalid("it is not UTF-8"))?;
        text.parse().map_err(|_| invalid("one of its notes is not a signed note"))
    };
    ends(bytes).map(note).collect()
}

/// The offsets after each complete note: after an empty line that follows a signature.
fn ends(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let mut is_signature = false;
    let mut end = 0;
    bytes.split_inclusive(|byte| *byte == b'\n').filter_map(move |line| {
        end += line.len();
        let ends = is_signature && line == b"\n";
        is_signature = line.starts_with(MARK.as_bytes()) && line.ends_with(b"\n");
        ends.then_some(end)
    })
}

/// Makes the name of a file durable.
///
/// # Errors
/// Those of the file system.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::NoteSigner;

    fn note(n: u32) -> SignedNote {
        NoteSigner::new("a", &[1; 32]).sign(&format!("note {n}\nsecond line\n"))
    }

    #[test]
    fn appended_notes_are_read_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        assert_eq!(read(&path).unwrap(), []);
        for n in 0..3 {
            append(&path, &note(n)).unwrap();
        }
        assert_eq!(read(&path).unwrap(), [note(0), note(1), note(2)]);
        assert_eq!(read_last(&path).unwrap(), read(&path).unwrap());
    }

    #[test]
    fn last_notes_of_a_long_file_are_read_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        let whole: String = (0..2_000).map(|n| format!("{}\n", note(n))).collect();
        fs::write(&path, whole).unwrap();
        append(&path, &note(2_000)).unwrap();
        let last = read_last(&path).unwrap();
        assert!(last.len() > 100 && last.len() < 1_000, "{}", last.len());
        assert!(read(&path).unwrap().ends_with(&last));
    }

    #[test]
    fn interrupted_append_is_left_out_and_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        append(&path, &note(0)).unwrap();
        let one = fs::read(&path).unwrap();
        append(&path, &note(1)).unwrap();
        let two = fs::read(&path).unwrap();
        for end in one.len()..two.len() {
            fs::write(&path, &two[..end]).unwrap();
            assert_eq!(read(&path).unwrap(), [note(0)], "cut at {end}");
            append(&path, &note(2)).unwrap();
            assert_eq!(read(&path).unwrap(), [note(0), note(2)], "cut at {end}");
        }
    }
}
