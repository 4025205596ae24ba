//! Reads the frames of a damaged segment, and the intact records of damaged frames.

use super::super::error::OpenError;
use super::super::frame::SEGMENT_HEADER;
use super::super::frame::{FRAME_HEADER, FRAME_MAGIC, FRAME_TRAILER, FrameHeader, Record};
use super::super::index::DamagedRegion;
use super::super::tail;
use super::state::Salvage;
use crate::DamagePlace;

impl Salvage<'_> {
    /// Reads the frames of a segment. What is damaged is read record by record.
    pub(super) fn frames(
        &mut self,
        bytes: &[u8],
        name: &str,
        is_last: bool,
    ) -> Result<(), OpenError> {
        let mut at = SEGMENT_HEADER;
        let mut last_frame = None;
        while !tail::is_unused(bytes, at) {
            let rest = bytes.get(at..).unwrap_or_default();
            let header = FrameHeader::parse(rest, &self.log);
            let payload = header.as_ref().and_then(|header| header.payload(rest));
            let next = self.index.end + 1;
            match (header, payload) {
                (Some(header), Some(_)) if self.is_misplaced(&header, bytes, at) => {
                    self.found_bad(place(name, at, next, "a frame of another place"));
                    self.add_region(at, at + header.total(), Vec::new());
                    last_frame = None;
                    at += header.total();
                }
                (Some(header), Some(payload)) if header.first_position >= next => {
                    self.frame(&header, payload, name, at)?;
                    last_frame = Some((at, header.total()));
                    at += header.total();
                }
                _ if is_last && tail::is_torn(bytes, at, &self.log, self.index.end) => {
                    let torn = bytes.get(at..tail::last_used(bytes).max(at));
                    self.last.torn = torn.map(<[u8]>::to_vec);
                    break;
                }
                (header, _) => {
                    last_frame = None;
                    at = self.damaged_frame(header, bytes, at, name)?;
                }
            }
        }
        self.last.end = at;
        self.last.frame = last_frame
            .and_then(|(start, total)| Some((start, bytes.get(start..start + total)?.to_vec())));
        Ok(())
    }

    /// Adds an intact frame to the index.
    fn frame(
        &mut self,
        header: &FrameHeader,
        payload: &[u8],
        name: &str,
        at: usize,
    ) -> Result<(), OpenError> {
        let first = header.first_position;
        self.doubt_unlinked(header, name, at);
        self.continues_at(first, &place(name, at, first, "positions are missing before it"));
        let mut offset = 0;
        for _ in 0..header.commits {
            let rest = payload.get(offset..).unwrap_or_default();
            let spot = at + FRAME_HEADER + offset;
            let Some(record) = Record::trust(rest) else { break };
            if !self.record(&record, name, spot)? {
                let place = place(name, spot, record.position, "the commit cannot be decoded");
                self.found_bad(place);
            }
            offset += Record::total(rest).unwrap_or(rest.len());
        }
        self.previous = Some(header.checksum);
        self.last_is_usable = true;
        if let Some(segment) = self.index.segments.last_mut() {
            segment.add_frame(first, at as u64, (at + header.total()) as u64);
        }
        Ok(())
    }

    /// The frame before this one was perhaps another one, if this one names another checksum.
    fn doubt_unlinked(&mut self, header: &FrameHeader, name: &str, at: usize) {
        let first = header.first_position;
        let is_linked = self.previous.is_none_or(|previous| previous == header.previous);
        if !is_linked && first == self.index.end + 1 {
            self.doubt_before(first, place(name, at, first, "the frame before it was another one"));
        }
    }

    /// Whether the frame is one of another place: it names another one before it, and the frames that it skips come later.
    fn is_misplaced(&self, header: &FrameHeader, bytes: &[u8], at: usize) -> bool {
        let is_linked = self.previous.is_none_or(|previous| previous == header.previous);
        if is_linked || header.first_position <= self.index.end + 1 {
            return false;
        }
        let next = self.next_frame(bytes, at);
        let next = next.and_then(|at| FrameHeader::parse(bytes.get(at..)?, &self.log));
        next.is_some_and(|next| next.first_position < header.first_position)
    }

    /// Reads the intact records of a damaged frame. Returns the offset after the frame.
    fn damaged_frame(
        &mut self,
        header: Option<FrameHeader>,
        bytes: &[u8],
        at: usize,
        name: &str,
    ) -> Result<usize, OpenError> {
        // A frame of positions that were read before does not belong here, even with intact records.
        let header = header.filter(|header| header.first_position > self.index.end);
        let (from, to, end) = match &header {
            Some(header) => {
                let end = at + header.total();
                (at + FRAME_HEADER, end - FRAME_TRAILER.len(), end)
            }
            None => {
                let next = self.next_frame(bytes, at);
                let end = next.unwrap_or_else(|| tail::last_used(bytes)).max(at + 1);
                (at + FRAME_HEADER, end, end)
            }
        };
        if let Some(header) = &header {
            let first = header.first_position;
            self.doubt_unlinked(header, name, at);
            self.continues_at(first, &place(name, at, first, "positions are missing before it"));
        }
        let parts = parts(bytes, from, to.min(bytes.len()), self.index.end);
        let damaged = parts.iter().filter(|part| !part.is_intact).count();
        if parts.is_empty() || header.is_none() {
            self.found_bad(place(name, at, self.index.end + 1, "the header of a frame is damaged"));
        }
        let records = self.apply(bytes, &parts, name)?;
        let commits = header.as_ref().map(|header| header.commits as usize);
        if damaged == 0 && commits == Some(records.len()) {
            // Only the trailer is damaged.
            self.bad = None;
        }
        self.previous = header.as_ref().map(|header| header.checksum);
        self.last_is_usable = header.is_some() && end <= bytes.len();
        let end = end.min(bytes.len());
        self.add_region(at, end, records);
        Ok(end)
    }

    /// Readers go from the damaged bytes to the end of the region, and read these records of it.
    fn add_region(&mut self, at: usize, end: usize, records: Vec<u64>) {
        let ordinal = u32::try_from(self.index.segments.len() - 1).unwrap_or(u32::MAX);
        let region = DamagedRegion { records, end: end as u64 };
        self.index.damaged.insert((ordinal, at as u64), region);
        if let Some(segment) = self.index.segments.last_mut() {
            segment.end = end as u64;
        }
    }

    /// Adds the intact records to the index. Returns their offsets.
    fn apply(&mut self, bytes: &[u8], parts: &[Part], name: &str) -> Result<Vec<u64>, OpenError> {
        let mut records = Vec::new();
        for part in parts {
            let content = bytes.get(part.from..part.to).unwrap_or_default();
            if part.is_intact
                && let Some(record) = Record::trust(content)
                && self.record(&record, name, part.from)?
            {
                records.push(part.from as u64);
                continue;
            }
            self.found_bad(place(name, part.from, self.index.end + 1, "checksum of a commit"));
        }
        Ok(records)
    }

    /// The offset of the next frame of this log with later positions.
    fn next_frame(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let rest = bytes.get(at + 1..)?;
        let mut windows = rest.windows(FRAME_MAGIC.len()).enumerate();
        let is_next = |from: usize| {
            let header = rest.get(from..).and_then(|bytes| FrameHeader::parse(bytes, &self.log));
            header.is_some_and(|header| header.first_position > self.index.end)
        };
        let found = windows.find(|(from, window)| *window == FRAME_MAGIC && is_next(*from));
        found.map(|(from, _)| at + 1 + from)
    }
}

/// A part of a damaged frame: an intact record, or damaged bytes up to the next one.
struct Part {
    from: usize,
    to: usize,
    is_intact: bool,
}

/// Finds the intact records between two offsets.
fn parts(bytes: &[u8], from: usize, to: usize, mut last_position: u64) -> Vec<Part> {
    let (mut offset, mut parts) = (from, Vec::new());
    while offset < to {
        let rest = bytes.get(offset..to).unwrap_or_default();
        if let Some(record) = intact(rest, last_position, to) {
            let end = offset + Record::total(rest).unwrap_or(rest.len());
            last_position = record.position;
            parts.push(Part { from: offset, to: end, is_intact: true });
            offset = end;
            continue;
        }
        let is_next = |&next: &usize| {
            bytes.get(next..to).is_some_and(|rest| intact(rest, last_position, to).is_some())
        };
        let end = (offset + 1..to).find(is_next).unwrap_or(to);
        // A frame whose header is damaged ends with its trailer, which is no record.
        if bytes.get(offset..end) != Some(&FRAME_TRAILER[..]) {
            parts.push(Part { from: offset, to: end, is_intact: false });
        }
        offset = end;
    }
    parts
}

/// The record at the start of the bytes, if its checksum is right and its position is after the last one.
fn intact(bytes: &[u8], last_position: u64, segment_bytes: usize) -> Option<Record<'_>> {
    let position = bytes.get(8..16)?.try_into().ok().map(u64::from_le_bytes)?;
    // A position takes more than a byte of its segment, so most wrong numbers are known without a checksum.
    if position <= last_position || position - last_position > segment_bytes as u64 {
        return None;
    }
    Record::parse(bytes)
}

fn place(name: &str, at: usize, position: u64, what: &str) -> DamagePlace {
    DamagePlace { segment: name.to_owned(), offset: at as u64, position, what: what.to_owned() }
}
