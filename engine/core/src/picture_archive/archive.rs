//! Reads zip archives of pictures: lists the central directory and unpacks within limits.
//!
//! The crate `zip` parses the format. The archive is not trusted: the size of the directory is limited, sizes are
//! checked against the content, and no byte may belong to two files.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use zip::ZipArchive;
use zip::result::ZipError;

use crate::limits::ARCHIVE_DIRECTORY_BYTES_MAX;

/// An archive with its complete directory.
#[derive(Debug)]
pub(super) struct Archive<R> {
    zip: ZipArchive<Metered<R>>,
    pub(super) entries: Vec<ArchiveEntry>,
    /// The byte ranges of the files read so far.
    used: BTreeMap<u64, u64>,
}

/// A file or folder of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ArchiveEntry {
    /// The path in the archive. It must not be used to open a file.
    pub(super) path: String,
    /// The declared size, in bytes.
    pub(super) bytes: u64,
    pub(super) is_encrypted: bool,
    /// Whether it is neither file nor folder, for example a link or a device.
    pub(super) is_special: bool,
    place: usize,
}

/// Why an archive cannot be read.
#[derive(Debug)]
pub(super) enum ArchiveError {
    /// It is not a zip archive, or is damaged.
    Malformed,
    /// Two programs could read it differently.
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
    /// It exceeds the size limit.
    TooLarge,
    /// It has an unsupported compression, is damaged, or differs from the directory; with the number of bytes
    /// unpacked before.
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

/// The signatures of a directory entry and of the end of the directory.
const LISTED: &[u8; 4] = b"PK\x01\x02";
const END: &[u8; 4] = b"PK\x05\x06";
/// The fixed size of a directory entry, in bytes, and the offsets of its three lengths.
const LISTED_BYTES: usize = 46;
const LENGTHS_AT: [usize; 3] = [28, 30, 32];
/// The size of the end record with the longest comment, in bytes.
const END_BYTES_MAX: u64 = 22 + 0xffff;

/// The file type bits of the Unix mode, and the accepted types.
const KIND: u32 = 0o170_000;
const PLAIN_KINDS: [u32; 3] = [0, 0o100_000, 0o040_000];

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory, with at most this many entries.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub(super) fn open(mut input: R, entries_max: usize) -> Result<Self, ArchiveError> {
        // The crate searches the whole file for a directory; a valid archive has it at the end.
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
        // The crate keeps only the later one of two entries with the same path.
        if listed(&mut input, zip.central_directory_start())? != zip.len() {
            return Err(ArchiveError::Ambiguous);
        }
        input.lift();
        let entries = (0..zip.len()).map(|place| entry(&zip, place));
        let entries = entries.collect::<Result<_, ZipError>>()?;
        Ok(Self { zip, entries, used: BTreeMap::new() })
    }

    /// Unpacks an entry that must be smaller than this many bytes.
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

/// Whether the end record is at a valid offset.
fn ends_as_one(input: &mut (impl Read + Seek)) -> io::Result<bool> {
    let length = input.seek(SeekFrom::End(0))?;
    let tail = length.min(END_BYTES_MAX);
    input.seek(SeekFrom::Start(length - tail))?;
    let mut bytes = Vec::new();
    input.take(tail).read_to_end(&mut bytes)?;
    Ok(bytes.windows(END.len()).any(|four| four == END))
}

/// The number of consecutive entries in the directory.
fn listed(input: &mut (impl Read + Seek), start: u64) -> Result<usize, ArchiveError> {
    input.seek(SeekFrom::Start(start))?;
    let mut count = 0;
    loop {
        let mut head = [0; LISTED_BYTES];
        // The end record is shorter than an entry.
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

/// Reserves a byte range, unless it overlaps another one.
fn take(used: &mut BTreeMap<u64, u64>, start: u64, end: u64) -> bool {
    let before = used.range(..end).next_back();
    let is_free = before.is_none_or(|(_, taken_to)| *taken_to <= start);
    if is_free {
        used.insert(start, end);
    }
    is_free
}

/// Whether the read failed because of the content and not the disk.
fn is_of_the_content(error: &io::Error) -> bool {
    error.raw_os_error().is_none()
}

/// A reader with a byte limit. Clones share the file and the limit.
#[derive(Debug)]
struct Metered<R> {
    input: Rc<RefCell<R>>,
    /// The bytes that may still be read; `None` without a limit.
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

    /// Removes the limit; callers limit each read themselves.
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
