//! Distinguishes a torn tail from damage.
//!
//! Torn means: it is the last frame of the log, and a part of it was never written. Everything else is damage, such
//! as a complete frame with a wrong checksum, or bad bytes before another frame of this log.
//!
//! The writer writes and syncs one frame at a time, into space that reads as zeros. After an interrupted write,
//! all bytes after some point are missing, or whole sectors in any order. What is missing reads as zeros, or lies beyond
//! the end of the file.

use super::frame::{FRAME_HEADER, FRAME_MAGIC, FrameHeader, LogId};

/// The size that a disk writes atomically, in bytes: 512 is the smallest, and divides all larger ones.
pub(super) const SECTOR: usize = 512;

/// Whether all bytes from this offset on were never written.
pub(super) fn is_unused(bytes: &[u8], at: usize) -> bool {
    // Whole blocks are compared: byte by byte, a debug build spends half of each short command here.
    const ZEROS: [u8; 4096] = [0; 4096];
    let rest = bytes.get(at..).unwrap_or_default();
    rest.chunks(ZEROS.len()).all(|block| Some(block) == ZEROS.get(..block.len()))
}

/// Whether the bytes at `at`, where the next frame must begin, are an interrupted write. `last_position` is that of the
/// frame before.
pub(super) fn is_torn(bytes: &[u8], at: usize, log: &LogId, last_position: u64) -> bool {
    !is_followed(bytes, at, log, last_position) && is_partial(bytes, at, log)
}

/// The offset after the last byte that is not zero.
pub(super) fn last_used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)
}

/// Whether a later frame of this log follows after this offset.
fn is_followed(bytes: &[u8], at: usize, log: &LogId, last_position: u64) -> bool {
    let rest = bytes.get(at + 1..).unwrap_or_default();
    rest.windows(FRAME_MAGIC.len()).enumerate().any(|(from, window)| {
        window == FRAME_MAGIC
            && rest
                .get(from..)
                .and_then(|bytes| FrameHeader::parse(bytes, log))
                .is_some_and(|header| header.first_position > last_position)
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

/// Whether a sector, or its part between these offsets, was never written.
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
