//! Reads a log on from a known state, for backups. An engine may write the log at the same time.

use std::collections::HashMap;
use std::fs;

use super::super::index::Stream;
use super::*;

/// How often the last segment is read again. While it is read, an engine may write a frame behind the bytes that were read
/// before it, so that a part seems to be missing.
const READS_MAX: usize = 5;

/// A log up to a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogState {
    pub log: LogId,
    /// The last position.
    pub position: u64,
    pub commits: u64,
    pub events: u64,
    /// The first position of the last segment.
    pub segment: u64,
    /// The number of segments before it.
    pub segments_before: u32,
    /// The bytes of the last segment up to its last frame.
    pub segment_bytes: u64,
    /// The head of each company.
    pub heads: HashMap<CompanyId, Head>,
}

/// Sees each segment that is read, up to its last whole frame.
pub trait SegmentVisitor {
    type Error: From<OpenError>;

    /// Sees the next segment: its file name and its bytes, which have passed all checks.
    ///
    /// # Errors
    /// Those of the visitor. They end the reading.
    fn visit(&mut self, name: &str, bytes: &[u8]) -> Result<(), Self::Error>;
}

/// The names of the segments in a log's folder, the oldest first, and their sizes on the disk in bytes.
///
/// # Errors
/// When the folder cannot be read.
pub fn segments(folder: &Path) -> Result<Vec<(String, u64)>, OpenError> {
    let size = |(first, path): (u64, PathBuf)| {
        let metadata = fs::metadata(&path).map_err(io_error("read the size of", &path))?;
        Ok((segment::name(first), metadata.len()))
    };
    list(folder)?.into_iter().map(size).collect()
}

/// Reads and verifies a log after a known state, or all of it. Segments before the known one are not read. Returns the new
/// state, or none if there is no log.
///
/// # Errors
/// When a file cannot be read, the log is damaged or shorter than it was, or the visitor fails.
pub fn read_on<V: SegmentVisitor>(
    folder: &Path,
    known: Option<&LogState>,
    visitor: &mut V,
) -> Result<Option<LogState>, V::Error> {
    // The heads come first: those of a log in use may be newer than the commits that are read afterwards.
    let heads = heads::read(folder).map_err(io_error("read the heads in", folder))?;
    let heads = match &heads {
        // An older state cannot be compared, because the log is not read from its beginning.
        HeadsFile::Heads(heads) if known.is_none_or(|known| heads.end >= known.position) => {
            Some(heads)
        }
        _ => None,
    };
    let mut events = Events(known.map_or(0, |known| known.events));
    let segments = list(folder)?;
    let mut scan = Scan::new(heads, Depth::Everything, u64::MAX, Some(&mut events));
    let mut last = None;
    for (at, (first, path)) in segments.iter().enumerate() {
        let is_last = at + 1 == segments.len();
        let bytes = match known {
            Some(known) if *first < known.segment => continue,
            Some(known) if *first == known.segment => scan.resume(known, path, is_last)?,
            _ => scan.whole_segment(*first, path, is_last)?,
        };
        visitor.visit(&segment::name(*first), bytes.get(..scan.last.end).unwrap_or_default())?;
        last = Some((*first, at));
    }
    scan.check_heads(folder, segments.len())?;
    let (Some(log), Some((segment, before))) = (scan.log, last) else { return Ok(None) };
    let index = scan.index;
    let heads = index.streams.into_iter().map(|(company, stream)| (company, stream.head));
    Ok(Some(LogState {
        log,
        position: index.end,
        commits: index.commits,
        segment,
        segments_before: u32::try_from(before).unwrap_or(u32::MAX),
        segment_bytes: scan.last.end as u64,
        heads: heads.collect(),
        events: events.0,
    }))
}

/// Counts events.
struct Events(u64);

impl CommitVisitor for Events {
    fn visit(&mut self, commit: RecordedCommit, _: &[u8], _: ScanProgress) -> Result<(), String> {
        self.0 += commit.commit.events.len() as u64;
        Ok(())
    }
}

impl Scan<'_, '_> {
    /// Reads a segment that is not known.
    fn whole_segment(
        &mut self,
        first: u64,
        path: &Path,
        is_last: bool,
    ) -> Result<Vec<u8>, OpenError> {
        let bytes = fs::read(path).map_err(io_error("read segment", path))?;
        let log = self.begin_segment(&bytes, first, path)?;
        self.frames_in_use(bytes, SEGMENT_HEADER, &log, path, is_last)
    }

    /// Continues in the last segment of a known state. Its frames up to there were verified earlier.
    fn resume(
        &mut self,
        known: &LogState,
        path: &Path,
        is_last: bool,
    ) -> Result<Vec<u8>, OpenError> {
        let bytes = fs::read(path).map_err(io_error("read segment", path))?;
        let name = segment::name(known.segment);
        let header = parse_header(&bytes, &name)?;
        let stream = |head: &Head| Stream { head: *head, commits: Vec::new() };
        let streams = known.heads.iter().map(|(company, head)| (company.clone(), stream(head)));
        self.index.streams = streams.collect();
        (self.index.end, self.index.commits) = (known.position, known.commits);
        self.index.segments = (0..=known.segments_before).map(|_| Segment::new(0)).collect();
        (self.log, self.previous) = (Some(known.log), header.previous);
        let end = usize::try_from(known.segment_bytes).unwrap_or(usize::MAX);
        let mut at = SEGMENT_HEADER;
        while at < end {
            let rest = bytes.get(at..).unwrap_or_default();
            let header = FrameHeader::parse(rest, &known.log);
            let header = header.ok_or_else(|| {
                damaged(spot_of_bad_frame(rest, &name, at), "checksum of a frame")
            })?;
            self.previous = header.checksum;
            at += header.total();
        }
        self.last = LastSegment { path: path.to_owned(), ..LastSegment::default() };
        self.compare_heads();
        self.frames_in_use(bytes, at, &known.log, path, is_last)
    }

    /// Checks the frames from an offset on. The last segment is read again if a part of a frame seems to be missing.
    fn frames_in_use(
        &mut self,
        mut bytes: Vec<u8>,
        from: usize,
        log: &LogId,
        path: &Path,
        is_last: bool,
    ) -> Result<Vec<u8>, OpenError> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        self.last.end = from;
        for _ in 1..READS_MAX {
            match self.frames(&bytes, self.last.end, &name, log, is_last) {
                Err(OpenError::Damaged { .. }) if is_last => {
                    bytes = fs::read(path).map_err(io_error("read segment", path))?;
                }
                Err(error) => return Err(error),
                Ok(()) => return Ok(bytes),
            }
        }
        self.frames(&bytes, self.last.end, &name, log, is_last)?;
        Ok(bytes)
    }
}
