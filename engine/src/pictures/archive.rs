//! Zip archives as far as pictures come in them: what the central directory lists, unpacked within limits.
//!
//! Nothing of an archive is believed: each number is a wish that the file's own bytes must fulfil.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::read::DeflateDecoder;

/// An archive's directory, read whole.
#[derive(Debug)]
pub(super) struct Archive<R> {
    input: R,
    /// What precedes the archive in its file, in bytes.
    offset: u64,
    pub(super) entries: Vec<Entry>,
}

/// A file or folder of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// As the archive spells it: nothing to open a file by.
    pub(super) path: String,
    /// How large it says that it is, in bytes.
    pub(super) bytes: u64,
    pub(super) is_encrypted: bool,
    /// A link, a device or something else that is neither file nor folder.
    pub(super) is_special: bool,
    method: u16,
    crc: u32,
    packed: u64,
    at: u64,
}

/// Why an archive cannot be read.
#[derive(Debug)]
pub(super) enum ArchiveError {
    /// It is none, or damaged.
    Malformed,
    TooManyEntries,
    Io(io::Error),
}

impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> Self {
        // A file that ends too early is damaged; a disk that fails is not the file's fault.
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Malformed } else { Self::Io(error) }
    }
}

/// Why an entry has no content.
#[derive(Debug)]
pub(super) enum EntryError {
    /// It unpacks to more than was asked for.
    TooLarge,
    /// It is packed in a way that is not read here, or damaged.
    Malformed,
    Io(io::Error),
}

const END: u32 = 0x0605_4b50;
const LISTED: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
const END_BYTES: usize = 22;
const LISTED_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;
/// The longest comment behind the directory's end, in bytes.
const COMMENT_BYTES_MAX: usize = 0xffff;
/// A number that stands elsewhere, in an archive of more than 4 GiB or 65,534 entries.
const ELSEWHERE_16: u16 = 0xffff;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// Flags of an entry: encrypted, and a name in UTF-8.
const ENCRYPTED: u16 = 1;
const UTF8: u16 = 1 << 11;

/// The kind of a file in the mode that Unix systems note, and those kinds that are plain.
const KIND: u32 = 0o170_000;
const PLAIN_KINDS: [u32; 3] = [0, 0o100_000, 0o040_000];

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory, of so many entries at most.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub(super) fn open(mut input: R, entries_max: usize) -> Result<Self, ArchiveError> {
        let end = end(&mut input)?;
        if end.entries == ELSEWHERE_16 || usize::from(end.entries) > entries_max {
            return Err(ArchiveError::TooManyEntries);
        }
        let directory = u64::from(end.directory_bytes);
        let start = end.at.checked_sub(directory).ok_or(ArchiveError::Malformed)?;
        let offset =
            start.checked_sub(u64::from(end.directory_at)).ok_or(ArchiveError::Malformed)?;
        input.seek(SeekFrom::Start(start))?;
        let mut listed = (&mut input).take(directory);
        let mut entries = Vec::new();
        for _ in 0..end.entries {
            entries.push(entry(&mut listed)?);
        }
        Ok(Self { input, offset, entries })
    }

    /// Unpacks an entry, of fewer than so many bytes.
    ///
    /// # Errors
    /// [`EntryError`].
    pub(super) fn read(&mut self, entry: &Entry, below: u64) -> Result<Vec<u8>, EntryError> {
        let packed = self.packed(entry).map_err(|error| match error {
            ArchiveError::Io(error) => EntryError::Io(error),
            _ => EntryError::Malformed,
        })?;
        let mut content = Vec::new();
        let read = match entry.method {
            STORED => packed.take(below).read_to_end(&mut content),
            DEFLATED => DeflateDecoder::new(packed).take(below).read_to_end(&mut content),
            _ => return Err(EntryError::Malformed),
        };
        match read {
            Ok(_) if content.len() as u64 >= below => Err(EntryError::TooLarge),
            Ok(_) => {
                let mut crc = flate2::Crc::new();
                crc.update(&content);
                if crc.sum() == entry.crc { Ok(content) } else { Err(EntryError::Malformed) }
            }
            Err(error) if is_of_the_content(&error) => Err(EntryError::Malformed),
            Err(error) => Err(EntryError::Io(error)),
        }
    }

    /// The entry's packed bytes: behind a head of its own that says again what it is.
    fn packed(&mut self, entry: &Entry) -> Result<impl Read + '_, ArchiveError> {
        let at = self.offset.checked_add(entry.at).ok_or(ArchiveError::Malformed)?;
        self.input.seek(SeekFrom::Start(at))?;
        let head = bytes::<LOCAL_BYTES>(&mut self.input)?;
        if u32_at(&head, 0) != LOCAL {
            return Err(ArchiveError::Malformed);
        }
        let skipped = i64::from(u16_at(&head, 26)) + i64::from(u16_at(&head, 28));
        self.input.seek(SeekFrom::Current(skipped))?;
        Ok((&mut self.input).take(entry.packed))
    }
}

/// Whether reading failed for what was read, not for the disk.
fn is_of_the_content(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

/// The record at the end that says where the directory is.
struct End {
    at: u64,
    entries: u16,
    directory_bytes: u32,
    directory_at: u32,
}

/// Finds the record whose comment ends where the file ends.
fn end<R: Read + Seek>(input: &mut R) -> Result<End, ArchiveError> {
    let length = input.seek(SeekFrom::End(0))?;
    let tail = length.min((END_BYTES + COMMENT_BYTES_MAX) as u64);
    let start = length - tail;
    input.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    input.take(tail).read_to_end(&mut bytes)?;
    let ends = |record: &[u8], at: usize| {
        record.len() == END_BYTES
            && u32_at(record, 0) == END
            && at + END_BYTES + usize::from(u16_at(record, 20)) == bytes.len()
    };
    let found = bytes.windows(END_BYTES).enumerate().rev().find(|(at, record)| ends(record, *at));
    let (at, record) = found.ok_or(ArchiveError::Malformed)?;
    Ok(End {
        at: start + at as u64,
        entries: u16_at(record, 10),
        directory_bytes: u32_at(record, 12),
        directory_at: u32_at(record, 16),
    })
}

fn entry(listed: &mut impl Read) -> Result<Entry, ArchiveError> {
    let head = bytes::<LISTED_BYTES>(listed)?;
    if u32_at(&head, 0) != LISTED {
        return Err(ArchiveError::Malformed);
    }
    let flags = u16_at(&head, 8);
    let mut name = vec![0; usize::from(u16_at(&head, 28))];
    listed.read_exact(&mut name)?;
    let rest = u64::from(u16_at(&head, 30)) + u64::from(u16_at(&head, 32));
    io::copy(&mut listed.take(rest), &mut io::sink())?;
    let path = match String::from_utf8(name) {
        Ok(name) if name.is_ascii() || flags & UTF8 != 0 => name,
        // Names in a code page of old: an Agent ID is ASCII, so what the others mean does not matter.
        Ok(name) => name.replace(|c: char| !c.is_ascii(), "\u{fffd}"),
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    let kind = (u32_at(&head, 38) >> 16) & KIND;
    Ok(Entry {
        path,
        bytes: u64::from(u32_at(&head, 24)),
        is_encrypted: flags & ENCRYPTED != 0,
        is_special: !PLAIN_KINDS.contains(&kind),
        method: u16_at(&head, 10),
        crc: u32_at(&head, 16),
        packed: u64::from(u32_at(&head, 20)),
        at: u64::from(u32_at(&head, 42)),
    })
}

fn bytes<const N: usize>(input: &mut impl Read) -> Result<[u8; N], ArchiveError> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let two = bytes.get(at..at + 2).and_then(|two| two.try_into().ok());
    two.map_or(0, u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map_or(0, u32::from_le_bytes)
}
