//! Tells a torn tail from damage.
//!
//! One frame is written and synced at a time, into room that reads as zeros. So when the last write
//! was interrupted, its frame is the last thing in the log and part of it is missing: the bytes after
//! some point, or whole sectors in any order. What is missing reads as zeros or lies beyond the end of
//! the file. A frame that is all there and does not check was changed afterwards: that is damage, and
//! so is anything that is followed by a frame of this log.

use super::frame::{FRAME_HEADER, FRAME_MAGIC, FrameHeader, LogId};

/// The unit a disk writes whole: 512 bytes, the smallest there is, divides every larger one.
const SECTOR: usize = 512;

/// Whether everything from here on was never written.
pub(super) fn is_unused(bytes: &[u8], at: usize) -> bool {
    // Whole blocks are compared: byte by byte, a debug build spends half of each short command here.
    const ZEROS: [u8; 4096] = [0; 4096];
    let rest = bytes.get(at..).unwrap_or_default();
    rest.chunks(ZEROS.len()).all(|block| Some(block) == ZEROS.get(..block.len()))
}

/// Whether what stands at `at`, where the next frame should, is a write that was interrupted.
pub(super) fn is_torn(bytes: &[u8], at: usize, log: &LogId, end: u64) -> bool {
    !is_followed(bytes, at, log, end) && is_partial(bytes, at, log)
}

/// The end of what is not zero.
pub(super) fn last_used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)
}

/// Whether a later frame of this log stands anywhere after this place.
fn is_followed(bytes: &[u8], at: usize, log: &LogId, end: u64) -> bool {
    let rest = bytes.get(at + 1..).unwrap_or_default();
    rest.windows(FRAME_MAGIC.len()).enumerate().any(|(from, window)| {
        window == FRAME_MAGIC
            && rest
                .get(from..)
                .and_then(|bytes| FrameHeader::parse(bytes, log))
                .is_some_and(|header| header.first_position > end)
    })
}

fn is_partial(bytes: &[u8], at: usize, log: &LogId) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let whole = FrameHeader::parse(rest, log).map_or(FRAME_HEADER, |header| header.total());
    if rest.len() < whole || last_used(rest) < whole {
        return true;
    }
    has_missing_sector(bytes, at, at + whole)
}

/// Whether the part of some sector that lies between these places was never written.
fn has_missing_sector(bytes: &[u8], from: usize, to: usize) -> bool {
    let mut start = from;
    while start < to {
        let end = to.min((start / SECTOR + 1) * SECTOR);
        if bytes.get(start..end).is_some_and(|part| part.iter().all(|&byte| byte == 0)) {
            return true;
        }
        start = end;
    }
    false
}
