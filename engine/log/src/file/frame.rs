//! The bytes around commits: segment headers, frames and records, as `log/FORMAT.md` describes them.
//!
//! All numbers are little-endian. One write appends one frame. The header of a frame contains the checksums of the payload
//! and of the previous frame, and ends with its own checksum. So the frames of a log form a chain.

use boarding_commands::values::Digest;

/// The format of segments that this program writes and reads.
pub(super) const FORMAT: u32 = 1;

/// The size of a segment's header, in bytes.
pub(super) const SEGMENT_HEADER: usize = 64;
/// The size of a frame's header, in bytes.
pub(super) const FRAME_HEADER: usize = 40;
/// The bytes after a frame's records. They are not zero, so a frame that was cut short is detected.
pub(super) const FRAME_TRAILER: [u8; 4] = *b"MARF";
/// The size of a record's header, in bytes.
pub(super) const RECORD_HEADER: usize = 48;

pub(super) const FRAME_MAGIC: [u8; 4] = *b"FRAM";
const SEGMENT_MAGIC: [u8; 8] = *b"BOARDLOG";

/// The random id of one log. Each segment contains it, and each frame its first half. So bytes of another log, or
/// personal data that looks like a frame, are never read as a frame of this log.
pub type LogId = [u8; 16];

/// The name of a log with this id, for auditors.
pub fn origin(log: &LogId) -> String {
    let digits: String = log.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("boarding.log/{digits}")
}

/// The header of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) log: LogId,
    pub(super) first_position: u64,
    /// The time of the commit that opened the segment, or when the log was created, in milliseconds since 1970.
    pub(super) created: i64,
    /// The number of segments before it.
    pub(super) ordinal: u32,
    /// The checksum of the last frame before it; 0 if there is none.
    pub(super) previous: u32,
}

/// Why bytes are not the header of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotASegment {
    Damaged(&'static str),
    Newer(u32),
}

impl SegmentHeader {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEADER);
        out.extend(SEGMENT_MAGIC);
        out.extend(FORMAT.to_le_bytes());
        out.extend(64u32.to_le_bytes());
        out.extend(self.log);
        out.extend(self.first_position.to_le_bytes());
        out.extend(self.created.to_le_bytes());
        out.extend(self.ordinal.to_le_bytes());
        out.extend(self.previous.to_le_bytes());
        out.extend([0; 4]);
        out.extend(crc32c::crc32c(&out).to_le_bytes());
        out
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, NotASegment> {
        let header = bytes.get(..SEGMENT_HEADER).ok_or(NotASegment::Damaged("header cut short"))?;
        let mut fields = Fields(header);
        let magic: [u8; 8] = fields.array();
        let format = fields.u32();
        if magic != SEGMENT_MAGIC {
            return Err(NotASegment::Damaged("not a segment of a boarding log"));
        }
        let (body, sum) = header.split_at(SEGMENT_HEADER - 4);
        if Fields(sum).u32() != crc32c::crc32c(body) {
            return Err(NotASegment::Damaged("checksum of the segment's header"));
        }
        if format != FORMAT {
            return Err(NotASegment::Newer(format));
        }
        fields.u32();
        Ok(Self {
            log: fields.array(),
            first_position: fields.u64(),
            created: fields.u64().cast_signed(),
            ordinal: fields.u32(),
            previous: fields.u32(),
        })
    }
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// The size of its records, in bytes.
    pub(super) payload: u32,
    /// The position of its first commit.
    pub(super) first_position: u64,
    pub(super) commits: u32,
    /// The checksum of the frame before it in the log; 0 for the first.
    pub(super) previous: u32,
    payload_sum: u32,
    /// The frame's checksum.
    pub(super) checksum: u32,
}

impl FrameHeader {
    /// Parses the header. `None` unless the bytes begin with a frame header of this log with the right checksum.
    pub(super) fn parse(bytes: &[u8], log: &LogId) -> Option<Self> {
        let header = bytes.get(..FRAME_HEADER)?;
        let (body, sum) = header.split_at(FRAME_HEADER - 4);
        let mut fields = Fields(body);
        let magic: [u8; 4] = fields.array();
        let payload = fields.u32();
        let name: [u8; 8] = fields.array();
        let checksum = Fields(sum).u32();
        if magic != FRAME_MAGIC || !log.starts_with(&name) || checksum != crc32c::crc32c(body) {
            return None;
        }
        let (first_position, commits, previous) = (fields.u64(), fields.u32(), fields.u32());
        let payload_sum = fields.u32();
        Some(Self { payload, first_position, commits, previous, payload_sum, checksum })
    }

    /// The size of the whole frame, in bytes.
    pub(super) fn total(&self) -> usize {
        FRAME_HEADER + self.payload as usize + FRAME_TRAILER.len()
    }

    /// How the checksum of the payload differs from the right one, in its bits; 0 if it does not.
    pub(super) fn payload_difference(&self, bytes: &[u8]) -> u32 {
        let payload = bytes.get(FRAME_HEADER..FRAME_HEADER + self.payload as usize);
        crc32c::crc32c(payload.unwrap_or_default()) ^ self.payload_sum
    }

    /// The bytes of the records; `None` if the frame is incomplete or damaged.
    pub(super) fn payload<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (payload, trailer) =
            bytes.get(FRAME_HEADER..self.total())?.split_at_checked(self.payload as usize)?;
        (trailer == FRAME_TRAILER && crc32c::crc32c(payload) == self.payload_sum).then_some(payload)
    }
}

/// Builds a frame: first the records, then the header with their checksum.
#[derive(Debug)]
pub(super) struct FrameBuilder {
    bytes: Vec<u8>,
    commits: u32,
}

impl FrameBuilder {
    pub(super) fn new(capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity);
        bytes.resize(FRAME_HEADER, 0);
        Self { bytes, commits: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commits == 0
    }

    /// Adds a commit. Returns the offset of its record in the frame.
    pub(super) fn push(&mut self, position: u64, hash: Digest, commit: &[u8]) -> usize {
        let at = self.bytes.len();
        self.commits += 1;
        let length = u32::try_from(commit.len()).unwrap_or(u32::MAX);
        let sum = crc32c::crc32c(&position.to_le_bytes());
        let sum = crc32c::crc32c_append(sum, &hash.0);
        let sum = crc32c::crc32c_append(sum, commit);
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend(sum.to_le_bytes());
        self.bytes.extend(position.to_le_bytes());
        self.bytes.extend(hash.0);
        self.bytes.extend_from_slice(commit);
        at
    }

    /// The frame's bytes and its checksum.
    pub(super) fn finish(mut self, log: &LogId, first: u64, previous: u32) -> (Vec<u8>, u32) {
        let payload = self.bytes.get(FRAME_HEADER..).unwrap_or_default();
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let mut header = Vec::with_capacity(FRAME_HEADER);
        header.extend(FRAME_MAGIC);
        header.extend(length.to_le_bytes());
        header.extend(log.iter().take(8));
        header.extend(first.to_le_bytes());
        header.extend(self.commits.to_le_bytes());
        header.extend(previous.to_le_bytes());
        header.extend(crc32c::crc32c(payload).to_le_bytes());
        let checksum = crc32c::crc32c(&header);
        header.extend(checksum.to_le_bytes());
        self.bytes.splice(..FRAME_HEADER, header);
        self.bytes.extend(FRAME_TRAILER);
        (self.bytes, checksum)
    }
}

/// A commit's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) position: u64,
    pub(super) hash: Digest,
    /// The canonical bytes of the commit.
    pub(super) commit: &'a [u8],
}

impl<'a> Record<'a> {
    /// The size of the whole record, in bytes, from its first four bytes.
    pub(super) fn total(bytes: &[u8]) -> Option<usize> {
        let length = bytes.get(..4).map(|bytes| Fields(bytes).u32())?;
        (length as usize).checked_add(RECORD_HEADER)
    }

    /// Parses the record at the start of the bytes. `None` if it is incomplete or its checksum is wrong.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.get(..Self::total(bytes)?)?;
        let sum = Fields(bytes.get(4..8)?).u32();
        (sum == crc32c::crc32c(bytes.get(8..)?)).then(|| Self::trust(bytes))?
    }

    /// The record at the start of the bytes, without a check of its checksum: the frame's checksum was verified before.
    pub(super) fn trust(bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.get(..Self::total(bytes)?)?;
        let (header, commit) = bytes.split_at_checked(RECORD_HEADER)?;
        let mut fields = Fields(header.get(8..)?);
        Some(Self { position: fields.u64(), hash: Digest(fields.array()), commit })
    }
}

/// Reads little-endian numbers from the front of bytes. Past the end it returns zeros: callers check the length first.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.0 = rest;
                *taken
            }
            None => [0; N],
        }
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }
}
