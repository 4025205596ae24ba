//! Recovery: reads and checks every frame and builds the index.

mod continued;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::error::{
    OpenError, damaged, io_error, spot_of_bad_frame, spot_of_record, spot_of_segment,
};
use super::frame::{FRAME_HEADER, FrameHeader, LogId, NotASegment, Record};
use super::frame::{SEGMENT_HEADER, SegmentHeader};
use super::heads::{self, Heads, HeadsFile};
use super::index::{Index, IndexEntry, Segment, location};
use super::{segment, tail};
use crate::Head;
use crate::codec::{self, DecodeError, Envelope};
use boarding_commands::commit::{RecordedCommit, SCHEMA};
use boarding_commands::values::CompanyId;

pub use continued::{LogState, SegmentVisitor, read_on, segments};

/// How much is verified when a log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// The checksum of each frame, each link, version and position.
    Frames,
    /// Also the checksum and hash of each commit, and that it decodes.
    Everything,
}

/// Sees each commit of a log while it is read, in order.
pub trait CommitVisitor {
    /// Sees the next commit and its stored bytes.
    ///
    /// # Errors
    /// What is wrong with the commit. It ends the reading.
    fn visit(
        &mut self,
        commit: RecordedCommit,
        bytes: &[u8],
        progress: ScanProgress,
    ) -> Result<(), String>;
}

/// How much of a log was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanProgress {
    pub bytes: u64,
    pub total_bytes: u64,
}

/// The result of recovery.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) index: Index,
    pub(super) log: LogId,
    /// The checksum of the last frame.
    pub(super) previous: u32,
    pub(super) last: LastSegment,
}

/// The last segment, where appending continues.
#[derive(Debug, Default)]
pub(super) struct LastSegment {
    pub(super) path: PathBuf,
    /// The byte after its last frame.
    pub(super) end: usize,
    /// The offset and bytes of its last frame.
    pub(super) frame: Option<(usize, Vec<u8>)>,
    /// The bytes that an interrupted write left after the last frame.
    pub(super) torn: Option<Vec<u8>>,
}

/// Reads the log in a folder, or returns `None` if there is none. It changes no file.
pub(super) fn recover(
    folder: &Path,
    heads_file: &HeadsFile,
    depth: Depth,
    commands_indexed_up_to: u64,
    visitor: Option<&mut dyn CommitVisitor>,
) -> Result<Option<Recovered>, OpenError> {
    let heads = match heads_file {
        HeadsFile::Heads(heads) => Some(heads),
        HeadsFile::Missing | HeadsFile::Damaged => None,
    };
    let scan = Scan::new(heads, depth, commands_indexed_up_to, visitor);
    recover_with(folder, scan, &mut |path| fs::read(path).map_err(io_error("read segment", path)))
}

/// As [`recover`], at full depth, with the bytes of each segment from a function.
pub(super) fn recover_mended(
    folder: &Path,
    heads: Option<&Heads>,
    commands_indexed_up_to: u64,
    bytes_of: &mut dyn FnMut(&Path) -> Result<Vec<u8>, OpenError>,
) -> Result<Option<Recovered>, OpenError> {
    let scan = Scan::new(heads, Depth::Everything, commands_indexed_up_to, None);
    recover_with(folder, scan, bytes_of)
}

fn recover_with(
    folder: &Path,
    mut scan: Scan<'_, '_>,
    bytes_of: &mut dyn FnMut(&Path) -> Result<Vec<u8>, OpenError>,
) -> Result<Option<Recovered>, OpenError> {
    let segments = list(folder)?;
    for (_, path) in &segments {
        let size = fs::metadata(path).map_err(io_error("read the size of", path))?.len();
        scan.progress.total_bytes += size;
    }
    for (at, (first_position, path)) in segments.iter().enumerate() {
        let bytes = bytes_of(path)?;
        scan.segment(*first_position, path, &bytes, at + 1 == segments.len())?;
    }
    scan.check_heads(folder, segments.len())?;
    Ok(scan.log.map(|log| Recovered {
        index: scan.index,
        log,
        previous: scan.previous,
        last: scan.last,
    }))
}

/// The id of the log in a folder; none if it has no segment.
pub(super) fn first_log_id(folder: &Path) -> Result<Option<LogId>, OpenError> {
    let Some((named, path)) = list(folder)?.into_iter().next() else { return Ok(None) };
    let mut bytes = Vec::new();
    let file = fs::File::open(&path).map_err(io_error("read segment", &path))?;
    file.take(SEGMENT_HEADER as u64)
        .read_to_end(&mut bytes)
        .map_err(io_error("read segment", &path))?;
    parse_header(&bytes, &segment::name(named)).map(|header| Some(header.log))
}

/// The segments by their first position.
pub(super) fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>, OpenError> {
    let error = || io_error("list the log's folder", folder);
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder).map_err(error())? {
        let path = entry.map_err(error())?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if let Some(position) = segment::position_of(name) {
            segments.push((position, path));
        }
    }
    segments.sort_unstable();
    Ok(segments)
}

struct Scan<'h, 'v> {
    heads: Option<&'h Heads>,
    visitor: Option<&'v mut dyn CommitVisitor>,
    progress: ScanProgress,
    /// The comparison with the heads file:
    /// - `None`: the scan has not reached the position in that file,
    /// - `Some(None)`: log and file agree,
    /// - `Some(Some(…))`: how they differ.
    heads_seen: Option<Option<String>>,
    depth: Depth,
    index: Index,
    log: Option<LogId>,
    previous: u32,
    last: LastSegment,
    // The company of the previous commit. The next one is mostly of the same company, and parsing an id
    // is expensive.
    company: Option<CompanyId>,
}

impl<'h, 'v> Scan<'h, 'v> {
    fn new(
        heads: Option<&'h Heads>,
        depth: Depth,
        commands_indexed_up_to: u64,
        visitor: Option<&'v mut dyn CommitVisitor>,
    ) -> Self {
        Self {
            heads,
            visitor,
            progress: ScanProgress::default(),
            heads_seen: None,
            depth,
            index: Index { commands_indexed_up_to, ..Index::default() },
            log: None,
            previous: 0,
            last: LastSegment::default(),
            company: None,
        }
    }

    fn segment(
        &mut self,
        named: u64,
        path: &Path,
        bytes: &[u8],
        is_last: bool,
    ) -> Result<(), OpenError> {
        let log = self.begin_segment(bytes, named, path)?;
        self.frames(bytes, SEGMENT_HEADER, &segment::name(named), &log, is_last)
    }

    fn begin_segment(&mut self, bytes: &[u8], named: u64, path: &Path) -> Result<LogId, OpenError> {
        let log = self.header(bytes, named, &segment::name(named))?;
        self.index.segments.push(Segment::new(named));
        self.compare_heads();
        self.last = LastSegment { path: path.to_owned(), ..LastSegment::default() };
        Ok(log)
    }

    /// Reads frames from an offset on. After an error, `last.end` is the offset of the frame that cannot be read.
    fn frames(
        &mut self,
        bytes: &[u8],
        mut at: usize,
        name: &str,
        log: &LogId,
        is_last: bool,
    ) -> Result<(), OpenError> {
        let before = self.progress.bytes;
        let mut frame = None;
        while !tail::is_unused(bytes, at) {
            self.last.end = at;
            let rest = bytes.get(at..).unwrap_or_default();
            let header = FrameHeader::parse(rest, log);
            let Some((header, payload)) = header.and_then(|h| Some((h, h.payload(rest)?))) else {
                if is_last && tail::is_torn(bytes, at, log, self.index.end) {
                    self.last.torn =
                        bytes.get(at..tail::last_used(bytes).max(at)).map(<[u8]>::to_vec);
                    break;
                }
                return Err(damaged(spot_of_bad_frame(rest, name, at), "checksum of a frame"));
            };
            self.frame(&header, payload, name, at)?;
            frame = Some((at, header.total()));
            at += header.total();
            self.progress.bytes = before + at as u64;
        }
        self.progress.bytes = before + bytes.len() as u64;
        self.last.end = at;
        self.last.frame = frame
            .and_then(|(start, total)| Some((start, bytes.get(start..start + total)?.to_vec())));
        Ok(())
    }

    /// Checks that a segment is the next one of this log.
    fn header(&mut self, bytes: &[u8], named: u64, name: &str) -> Result<LogId, OpenError> {
        let spot = || spot_of_segment(name);
        let header = parse_header(bytes, name)?;
        let log = *self.log.get_or_insert(header.log);
        let expected = self.index.segments.len();
        if header.log != log {
            return Err(damaged(spot(), "the segment is of another log"));
        }
        if header.first_position != named {
            let what = format!("the segment begins with position {}", header.first_position);
            return Err(damaged(spot(), &what));
        }
        if header.ordinal as usize != expected {
            let what = format!(
                "segment number {expected} is expected, found number {}: segments are missing",
                header.ordinal
            );
            return Err(damaged(spot(), &what));
        }
        if (header.first_position, header.previous) != (self.index.end + 1, self.previous) {
            let what = format!("the segment before it ends with position {}", self.index.end);
            return Err(damaged(spot(), &what));
        }
        Ok(log)
    }

    /// Adds a frame to the index. Its checksums were verified before.
    fn frame(
        &mut self,
        header: &FrameHeader,
        payload: &[u8],
        name: &str,
        at: usize,
    ) -> Result<(), OpenError> {
        let first = self.index.end + 1;
        if (header.first_position, header.previous) != (first, self.previous) {
            let what = format!("position {first} is expected and the frame belongs elsewhere");
            return Err(damaged(spot_of_bad_frame(payload, name, at), &what));
        }
        let mut offset = 0;
        for _ in 0..header.commits {
            let rest = payload.get(offset..).unwrap_or_default();
            offset += self.record(rest, name, at + FRAME_HEADER + offset)?;
        }
        let spot = || spot_of_bad_frame(payload, name, at);
        if offset != payload.len() {
            return Err(damaged(spot(), "the frame holds more than its commits"));
        }
        self.previous = header.checksum;
        if let Some(segment) = self.index.segments.last_mut() {
            segment.add_frame(first, at as u64, (at + header.total()) as u64);
        }
        self.compare_heads();
        Ok(())
    }

    /// Checks a record and adds it to the index. Returns its size in bytes.
    fn record(&mut self, bytes: &[u8], name: &str, at: usize) -> Result<usize, OpenError> {
        let spot = || spot_of_record(bytes, name, at);
        let record = match self.depth {
            Depth::Frames => Record::trust(bytes),
            Depth::Everything => Record::parse(bytes),
        };
        let record = record.ok_or_else(|| damaged(spot(), "checksum of a commit"))?;
        let unreadable = |source| OpenError::Unreadable { spot: spot(), source };
        let envelope = codec::peek(record.commit).map_err(unreadable)?;
        if envelope.schema > SCHEMA {
            return Err(unreadable(DecodeError::Newer { found: envelope.schema }));
        }
        let decoded = match self.depth {
            Depth::Frames => None,
            Depth::Everything => {
                let decoded = codec::decode(record.commit).map_err(unreadable)?;
                if codec::hash(record.commit) != record.hash {
                    return Err(damaged(spot(), "the commit is not the one its hash was made of"));
                }
                Some(decoded)
            }
        };
        let company = match self.company.take() {
            Some(company) if company.as_str() == envelope.company => company,
            _ => envelope.company_id().map_err(unreadable)?,
        };
        self.follow(&record, &envelope, &company).map_err(|what| damaged(spot(), &what))?;
        if let (Some(visitor), Some(commit)) = (&mut self.visitor, decoded) {
            let recorded = RecordedCommit { position: record.position, hash: record.hash, commit };
            visitor
                .visit(recorded, record.commit, self.progress)
                .map_err(|what| damaged(spot(), &what))?;
        }
        let segment = u32::try_from(self.index.segments.len() - 1).unwrap_or(u32::MAX);
        self.index.add(IndexEntry {
            company: company.clone(),
            command: envelope.command,
            first_version: envelope.first_version,
            head: Head { version: envelope.last_version(), hash: record.hash },
            position: record.position,
            last_position: record.position + envelope.span() - 1,
            location: location(segment, at as u64),
        });
        self.company = Some(company);
        Ok(Record::total(bytes).unwrap_or(bytes.len()))
    }

    /// Checks that a commit follows the last one of its company, and its position the last one of the log.
    fn follow(
        &self,
        record: &Record<'_>,
        envelope: &Envelope<'_>,
        company: &CompanyId,
    ) -> Result<(), String> {
        let (head, next) = (self.index.head(company), self.index.end + 1);
        if record.position != next {
            return Err(format!("position {next} is expected, found {}", record.position));
        }
        if envelope.first_version != head.version + 1 {
            return Err(format!("version {} of the company is expected", head.version + 1));
        }
        if envelope.previous != head.hash {
            return Err("the hash chain is broken: it names another previous commit".to_owned());
        }
        Ok(())
    }

    /// Compares the log with the heads file, when it is read exactly up to the position in that file.
    fn compare_heads(&mut self) {
        let (Some(heads), Some(log)) = (self.heads, &self.log) else { return };
        if heads.end == self.index.end && self.heads_seen.is_none() {
            self.heads_seen = Some(heads.differs(log, &self.index));
        }
    }

    fn check_heads(&self, folder: &Path, segments: usize) -> Result<(), OpenError> {
        let Some(heads) = self.heads else { return Ok(()) };
        let what = match &self.heads_seen {
            Some(Some(what)) => what.clone(),
            Some(None) if segments >= heads.segments => return Ok(()),
            Some(None) => {
                format!("it has {segments} segments and had {}", heads.segments)
            }
            None => format!("it ends with position {} and had {}", self.index.end, heads.end),
        };
        Err(OpenError::Shorter { heads: folder.join(heads::NAME), what })
    }
}

fn parse_header(bytes: &[u8], name: &str) -> Result<SegmentHeader, OpenError> {
    SegmentHeader::parse(bytes).map_err(|error| match error {
        NotASegment::Damaged(what) => damaged(spot_of_segment(name), what),
        NotASegment::Newer(found) => OpenError::Newer { segment: name.to_owned(), found },
    })
}
