//! Zip archives as far as pictures come in them: what the central directory lists, unpacked within limits.
//!
//! The format is read by the crate `zip`. Nothing of an archive is believed: how much is read to learn what it
//! lists is bounded, each number is a wish that the content must fulfil, and no byte is content of two files.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use zip::ZipArchive;
use zip::result::ZipError;

use crate::limits::ARCHIVE_DIRECTORY_BYTES_MAX;

/// An archive's directory, read whole.
#[derive(Debug)]
pub(super) struct Archive<R> {
    zip: ZipArchive<Metered<R>>,
    pub(super) entries: Vec<ArchiveEntry>,
    /// Where the files that were read begin and end.
    used: BTreeMap<u64, u64>,
}

/// A file or folder of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ArchiveEntry {
    /// As the archive spells it: nothing to open a file by.
    pub(super) path: String,
    /// How large it says that it is, in bytes.
    pub(super) bytes: u64,
    pub(super) is_encrypted: bool,
    /// A link, a device or something else that is neither file nor folder.
    pub(super) is_special: bool,
    place: usize,
}

/// Why an archive cannot be read.
#[derive(Debug)]
pub(super) enum ArchiveError {
    /// It is none, or damaged.
    Malformed,
    /// It is one that two readers would read differently.
    Ambiguous,
    TooManyEntries,
    Io(io::Error),
}

impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> Self {
        if is_of_the_content(&error) { Self::Malformed } else { Self::Io(error) }
    }
}

impl From<ZipError> for ArchiveError {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Io(error) => error.into(),
            _ => Self::Malformed,
        }
    }
}

/// Why an entry has no content.
#[derive(Debug)]
pub(super) enum EntryError {
    /// It unpacks to more than was asked for.
    TooLarge,
    /// It is packed in a way that is not read here, damaged, or not what it is said to be; so many bytes came
    /// of it until that showed.
    Malformed(u64),
    Io(io::Error),
}

impl From<ArchiveError> for EntryError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Io(error) => Self::Io(error),
            ArchiveError::Malformed | ArchiveError::Ambiguous | ArchiveError::TooManyEntries => {
                Self::Malformed(0)
            }
        }
    }
}

/// How a file begins in the directory, and how the directory's end begins.
const LISTED: &[u8; 4] = b"PK\x01\x02";
const END: &[u8; 4] = b"PK\x05\x06";
/// What stands in the directory before a file's name, in bytes, and where the three lengths in it are.
const LISTED_BYTES: usize = 46;
const LENGTHS_AT: [usize; 3] = [28, 30, 32];
/// The directory's end with the longest comment, in bytes.
const END_BYTES_MAX: u64 = 22 + 0xffff;

/// The kind of a file in the mode that Unix systems note, and those kinds that are plain.
const KIND: u32 = 0o170_000;
const PLAIN_KINDS: [u32; 3] = [0, 0o100_000, 0o040_000];

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory, of so many entries at most.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub(super) fn open(mut input: R, entries_max: usize) -> Result<Self, ArchiveError> {
        // The crate looks for a directory in the whole file; an archive has it at its end.
        if !ends_as_one(&mut input)? {
            return Err(ArchiveError::Malformed);
        }
        let mut input = Metered::new(input, ARCHIVE_DIRECTORY_BYTES_MAX);
        let opened = ZipArchive::new(input.clone());
        if input.is_used_up() {
            return Err(ArchiveError::TooManyEntries);
        }
        let zip = opened?;
        if zip.len() > entries_max {
            return Err(ArchiveError::TooManyEntries);
        }
        // Of two entries with one path the crate keeps the later one.
        if listed(&mut input, zip.central_directory_start())? != zip.len() {
            return Err(ArchiveError::Ambiguous);
        }
        input.lift();
        let entries = (0..zip.len()).map(|place| entry(&zip, place));
        let entries = entries.collect::<Result<_, ZipError>>()?;
        Ok(Self { zip, entries, used: BTreeMap::new() })
    }

    /// Unpacks an entry, of fewer than so many bytes.
    ///
    /// # Errors
    /// [`EntryError`].
    pub(super) fn read(&mut self, entry: &ArchiveEntry, below: u64) -> Result<Vec<u8>, EntryError> {
        let file = self.zip.by_index(entry.place).map_err(ArchiveError::from)?;
        let start = file.header_start();
        let end = file.data_start().unwrap_or(start).saturating_add(file.compressed_size());
        if !take(&mut self.used, start, end) {
            return Err(EntryError::Malformed(0));
        }
        let mut content = Vec::new();
        let read = file.take(below).read_to_end(&mut content);
        let bytes = content.len() as u64;
        match read {
            Ok(_) if bytes >= below => Err(EntryError::TooLarge),
            Ok(_) if bytes == entry.bytes => Ok(content),
            Err(error) if !is_of_the_content(&error) => Err(EntryError::Io(error)),
            Ok(_) | Err(_) => Err(EntryError::Malformed(bytes)),
        }
    }
}

/// Whether the directory's end stands where it can.
fn ends_as_one(input: &mut (impl Read + Seek)) -> io::Result<bool> {
    let length = input.seek(SeekFrom::End(0))?;
    let tail = length.min(END_BYTES_MAX);
    input.seek(SeekFrom::Start(length - tail))?;
    let mut bytes = Vec::new();
    input.take(tail).read_to_end(&mut bytes)?;
    Ok(bytes.windows(END.len()).any(|four| four == END))
}

/// How many entries the directory lists, one behind the other.
fn listed(input: &mut (impl Read + Seek), start: u64) -> Result<usize, ArchiveError> {
    input.seek(SeekFrom::Start(start))?;
    let mut count = 0;
    loop {
        let mut head = [0; LISTED_BYTES];
        // What ends the directory is shorter than an entry.
        match input.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(count),
            other => other?,
        }
        if !head.starts_with(LISTED) {
            return Ok(count);
        }
        let length = |at: usize| head.get(at..at + 2).and_then(|two| two.try_into().ok());
        let lengths = LENGTHS_AT.into_iter().filter_map(length).map(u16::from_le_bytes);
        input.seek(SeekFrom::Current(lengths.map(i64::from).sum()))?;
        count += 1;
    }
}

fn entry<R: Read + Seek>(zip: &ZipArchive<R>, place: usize) -> Result<ArchiveEntry, ZipError> {
    let file = zip.by_index_data(place)?;
    let kind = (file.external_attributes() >> 16) & KIND;
    Ok(ArchiveEntry {
        path: file.name()?.into_owned(),
        bytes: file.size(),
        is_encrypted: file.encrypted(),
        is_special: !PLAIN_KINDS.contains(&kind),
        place,
    })
}

/// Takes a stretch of the file, unless some of it is taken.
fn take(used: &mut BTreeMap<u64, u64>, start: u64, end: u64) -> bool {
    let before = used.range(..end).next_back();
    let is_free = before.is_none_or(|(_, taken_to)| *taken_to <= start);
    if is_free {
        used.insert(start, end);
    }
    is_free
}

/// Whether reading failed for what was read, not for the disk.
fn is_of_the_content(error: &io::Error) -> bool {
    error.raw_os_error().is_none()
}

/// A file of which only so many bytes are read. Clones share the file and the count.
#[derive(Debug)]
struct Metered<R> {
    input: Rc<RefCell<R>>,
    /// How many more bytes may be read; none for as many as there are.
    left: Rc<Cell<Option<u64>>>,
}

impl<R> Clone for Metered<R> {
    fn clone(&self) -> Self {
        Self { input: Rc::clone(&self.input), left: Rc::clone(&self.left) }
    }
}

impl<R> Metered<R> {
    fn new(input: R, bytes: u64) -> Self {
        Self { input: Rc::new(RefCell::new(input)), left: Rc::new(Cell::new(Some(bytes))) }
    }

    fn is_used_up(&self) -> bool {
        self.left.get() == Some(0)
    }

    /// From now on each read is bounded by who reads.
    fn lift(&self) {
        self.left.set(None);
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut input = self.input.borrow_mut();
        let Some(left) = self.left.get() else { return input.read(buffer) };
        if left == 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let read = input.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left.set(Some(left - read as u64));
        Ok(read)
    }
}

impl<R: Seek> Seek for Metered<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.input.borrow_mut().seek(to)
    }
}
