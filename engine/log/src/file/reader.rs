//! Readers of durable commits: of the whole log, of one company, of one location.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use boarding_commands::commit::RecordedCommit;
use boarding_commands::values::CompanyId;

use super::frame::{FRAME_HEADER, FRAME_TRAILER, FrameHeader, RECORD_HEADER, Record};
use super::index::{location, parts};
use super::segment::name;
use super::shared::Inner;
use crate::codec;
use crate::{Entry, Location, ReadError, Reader};

/// The read size of a reader of the whole log, in bytes: large enough that system calls do not matter,
/// small enough that a hundred readers need 25 MiB.
const CHUNK_ALL_BYTES: usize = 256 * 1024;
/// The read size of a reader of one company, in bytes. It is small, because commits of other companies lie between.
const CHUNK_COMPANY_BYTES: usize = 16 * 1024;
/// The read size for one commit, in bytes: most commits fit.
const CHUNK_SINGLE_BYTES: usize = 4 * 1024;

/// A buffered part of a segment.
#[derive(Debug)]
struct Window {
    chunk: usize,
    file: Option<(u32, Arc<File>)>,
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn new(chunk: usize) -> Self {
        Self { chunk, file: None, start: 0, bytes: Vec::new() }
    }

    /// Returns `length` bytes of a segment. Bytes from `end` on must not be read.
    fn get(&mut self, inner: &Inner, at: At, length: usize) -> Result<&[u8], ReadError> {
        let At { segment, offset, end } = at;
        if offset.saturating_add(length as u64) > end {
            return Err(at.damaged(inner, "a frame is longer than the segment"));
        }
        if self.held(segment, offset, length).is_none() {
            let room = usize::try_from(end - offset).unwrap_or(usize::MAX);
            self.fill(inner, at, length.max(self.chunk).min(room))?;
        }
        self.held(segment, offset, length)
            .ok_or_else(|| at.damaged(inner, "the segment has become shorter"))
    }

    fn held(&self, segment: u32, offset: u64, length: usize) -> Option<&[u8]> {
        self.file.as_ref().filter(|(held, _)| *held == segment)?;
        let from = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.bytes.get(from..from.checked_add(length)?)
    }

    fn fill(&mut self, inner: &Inner, at: At, length: usize) -> Result<(), ReadError> {
        let file = match self.file.take() {
            Some((segment, file)) if segment == at.segment => file,
            _ => inner.open_segment(at.segment)?,
        };
        self.start = at.offset;
        self.bytes.resize(length, 0);
        match file.read_exact_at(&mut self.bytes, at.offset) {
            Ok(()) => self.file = Some((at.segment, file)),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Err(at.damaged(inner, "the segment has become shorter"));
            }
            Err(source) => return Err(inner.read_error(at.segment, source)),
        }
        Ok(())
    }

    /// Reads, checks and decodes the record at this offset.
    fn entry(&mut self, inner: &Inner, at: At) -> Result<(Entry, usize), ReadError> {
        let head = self.get(inner, at, RECORD_HEADER)?;
        let total = Record::total(head).unwrap_or(usize::MAX);
        let bytes = self.get(inner, at, total)?;
        let Some(record) = Record::parse(bytes) else {
            return Err(at.damaged(inner, "checksum of a commit"));
        };
        let Record { position, hash, commit } = record;
        let commit =
            codec::decode(commit).map_err(|source| ReadError::Decode { position, source })?;
        let recorded = RecordedCommit { position, hash, commit };
        Ok((Entry { location: location(at.segment, at.offset), recorded }, total))
    }
}

/// An offset in a segment, and the end of its durable bytes.
#[derive(Debug, Clone, Copy)]
struct At {
    segment: u32,
    offset: u64,
    end: u64,
}

impl At {
    fn damaged(self, inner: &Inner, what: &'static str) -> ReadError {
        let segment = inner.first_position(self.segment).map_or_else(String::new, name);
        ReadError::Damaged { segment, offset: self.offset, what }
    }
}

/// Reads the commit at a location.
pub(super) fn read_at(inner: &Inner, wanted: Location) -> Result<RecordedCommit, ReadError> {
    let (segment, offset) = parts(wanted);
    let no_such = ReadError::NoSuchLocation { location: wanted };
    let Some((end, _)) = inner.index().segment_end(segment) else { return Err(no_such) };
    if offset.saturating_add(RECORD_HEADER as u64) > end {
        return Err(no_such);
    }
    let at = At { segment, offset, end };
    Ok(Window::new(CHUNK_SINGLE_BYTES).entry(inner, at)?.0.recorded)
}

/// Reads everything from a position.
#[derive(Debug)]
pub(super) struct AllReader {
    inner: Arc<Inner>,
    window: Window,
    segment: u32,
    offset: u64,
    /// The commits of the frame that are not read yet.
    left: u32,
    /// The offsets of the intact records of a damaged frame that are not read yet, the next one last.
    intact: Vec<u64>,
    /// Commits that end before this position are skipped.
    from: u64,
}

impl AllReader {
    pub(super) fn new(inner: Arc<Inner>, from: u64) -> Self {
        let (segment, offset) = inner.index().locate(from);
        Self {
            inner,
            window: Window::new(CHUNK_ALL_BYTES),
            segment,
            offset,
            left: 0,
            intact: Vec::new(),
            from,
        }
    }

    fn step(&mut self) -> Result<Option<Entry>, ReadError> {
        while self.left == 0 {
            if let Some(&offset) = self.intact.last() {
                let end = self.inner.index().segment_end(self.segment).map_or(0, |(end, _)| end);
                let at = At { segment: self.segment, offset, end };
                let (entry, _) = self.window.entry(&self.inner, at)?;
                self.intact.pop();
                return Ok(Some(entry));
            }
            if self.skip_damaged_frame() {
                continue;
            }
            let segment_end = self.inner.index().segment_end(self.segment);
            let Some((end, is_followed)) = segment_end else { return Ok(None) };
            if self.offset < end {
                self.enter_frame(end)?;
            } else if is_followed {
                self.segment += 1;
                self.offset = super::frame::SEGMENT_HEADER as u64;
            } else {
                return Ok(None);
            }
        }
        let segment_end = self.inner.index().segment_end(self.segment);
        let end = segment_end.map_or(0, |(end, _)| end);
        let at = At { segment: self.segment, offset: self.offset, end };
        let (entry, total) = self.window.entry(&self.inner, at)?;
        self.left -= 1;
        self.offset += total as u64;
        if self.left == 0 {
            self.offset += FRAME_TRAILER.len() as u64;
        }
        Ok(Some(entry))
    }

    /// Goes behind a damaged frame at the current offset, and takes its intact records.
    fn skip_damaged_frame(&mut self) -> bool {
        let index = self.inner.index();
        let Some(region) = index.damaged.get(&(self.segment, self.offset)) else { return false };
        self.offset = region.end;
        self.intact = region.records.iter().rev().copied().collect();
        true
    }

    fn enter_frame(&mut self, end: u64) -> Result<(), ReadError> {
        let at = At { segment: self.segment, offset: self.offset, end };
        let bytes = self.window.get(&self.inner, at, FRAME_HEADER)?;
        let Some(header) = FrameHeader::parse(bytes, &self.inner.log) else {
            return Err(at.damaged(&self.inner, "checksum of a frame's header"));
        };
        self.left = header.commits;
        self.offset += FRAME_HEADER as u64;
        Ok(())
    }
}

impl Reader for AllReader {
    fn next(&mut self) -> Result<Option<Entry>, ReadError> {
        while let Some(entry) = self.step()? {
            if entry.recorded.last_position() >= self.from && !self.inner.is_after_damage(&entry) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}

/// Reads one company from a version.
#[derive(Debug)]
pub(super) struct CompanyReader {
    inner: Arc<Inner>,
    window: Window,
    company: CompanyId,
    /// The index of the next commit among those of the company.
    next: usize,
}

impl CompanyReader {
    pub(super) fn new(inner: Arc<Inner>, company: CompanyId, version: u64) -> Self {
        let next = inner.index().locate_version(&company, version);
        Self { inner, window: Window::new(CHUNK_COMPANY_BYTES), company, next }
    }

    /// Where the next commit is stored; `None` at the end.
    fn at(&self) -> Option<At> {
        let index = self.inner.index();
        let (_, location) = index.streams.get(&self.company)?.commits.get(self.next)?;
        let (segment, offset) = parts(*location);
        let (end, _) = index.segment_end(segment)?;
        Some(At { segment, offset, end })
    }
}

impl Reader for CompanyReader {
    fn next(&mut self) -> Result<Option<Entry>, ReadError> {
        let Some(at) = self.at() else { return Ok(None) };
        let (entry, _) = self.window.entry(&self.inner, at)?;
        self.next += 1;
        Ok(Some(entry))
    }
}

impl Inner {
    /// Whether the commit is of a company that lost earlier ones.
    fn is_after_damage(&self, entry: &Entry) -> bool {
        let index = self.index();
        let RecordedCommit { position, commit, .. } = &entry.recorded;
        index.stopped.get(&commit.company).is_some_and(|it| *position >= it.place.position)
    }

    fn first_position(&self, segment: u32) -> Option<u64> {
        Some(self.index().segments.get(segment as usize)?.first_position)
    }

    fn open_segment(&self, segment: u32) -> Result<Arc<File>, ReadError> {
        self.files
            .get(segment, || {
                let first = self.first_position(segment).unwrap_or_default();
                File::open(self.folder.join(name(first)))
            })
            .map_err(|source| self.read_error(segment, source))
    }

    fn read_error(&self, segment: u32, source: io::Error) -> ReadError {
        let path = self.folder.join(self.first_position(segment).map_or_else(String::new, name));
        ReadError::Io { operation: "read segment", path, source }
    }
}
