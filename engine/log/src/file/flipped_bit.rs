//! Turns back a flipped bit in each damaged frame of a segment.
//!
//! The checksum names the bit: each bit of a message changes CRC32C in its own way. The hashes of the commits prove the result.

use super::frame::{FRAME_HEADER, FRAME_TRAILER, FrameHeader, LogId, Record, SegmentHeader};
use super::frame::{NotASegment, RECORD_HEADER, SEGMENT_HEADER};
use super::tail;
use crate::codec;

/// The polynomial of CRC32C, with its bits in reverse order.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The segment with each such bit turned back; none if no damaged frame has exactly one.
pub(super) fn turn_back(bytes: &[u8], log: &LogId) -> Option<Vec<u8>> {
    let mut mended = bytes.to_vec();
    let mut is_mended = false;
    if matches!(SegmentHeader::parse(bytes), Err(NotASegment::Damaged(_))) {
        let header = mended.get_mut(..SEGMENT_HEADER)?;
        is_mended = flip_until(header, |header| {
            SegmentHeader::parse(header).is_ok_and(|it| it.log == *log)
        });
    }
    let mut at = SEGMENT_HEADER;
    while !tail::is_unused(&mended, at) {
        let frame = mended.get_mut(at..)?;
        if !is_intact(frame, log) {
            let before = frame.to_vec();
            match mend_frame(frame, log) {
                true => is_mended = true,
                false => frame.copy_from_slice(&before),
            }
        }
        // Behind a header that is damaged in another way, no frame can be found.
        let Some(header) = FrameHeader::parse(mended.get(at..)?, log) else { break };
        at += header.total();
    }
    is_mended.then_some(mended)
}

/// The id of the log in the header of a segment, after its flipped bit was turned back; none if it has not exactly one.
pub(super) fn log_of_header(bytes: &[u8]) -> Option<LogId> {
    let mut header = bytes.get(..SEGMENT_HEADER)?.to_vec();
    flip_until(&mut header, |header| SegmentHeader::parse(header).is_ok());
    SegmentHeader::parse(&header).ok().map(|header| header.log)
}

fn is_intact(frame: &[u8], log: &LogId) -> bool {
    FrameHeader::parse(frame, log).is_some_and(|header| header.payload(frame).is_some())
}

/// Turns back the flipped bit of the frame at the start of the bytes.
fn mend_frame(frame: &mut [u8], log: &LogId) -> bool {
    if FrameHeader::parse(frame, log).is_none()
        && !frame.get_mut(..FRAME_HEADER).is_some_and(|header| {
            flip_until(header, |header| FrameHeader::parse(header, log).is_some())
        })
    {
        return false;
    }
    if is_intact(frame, log) {
        return true;
    }
    let Some(header) = FrameHeader::parse(frame, log) else { return false };
    let end = FRAME_HEADER + header.payload as usize;
    let difference = header.payload_difference(frame);
    if difference == 0 {
        let Some(trailer) = frame.get_mut(end..end + FRAME_TRAILER.len()) else { return false };
        trailer.copy_from_slice(&FRAME_TRAILER);
    } else {
        let Some(payload) = frame.get_mut(FRAME_HEADER..end) else { return false };
        let Some((byte, bit)) = bit_of(difference, payload.len()) else { return false };
        let Some(byte) = payload.get_mut(byte) else { return false };
        *byte ^= 1 << bit;
    }
    is_intact(frame, log) && has_right_hashes(frame, &header)
}

/// Whether all commits of an intact frame are those that their hashes were made of.
fn has_right_hashes(frame: &[u8], header: &FrameHeader) -> bool {
    let mut rest =
        frame.get(FRAME_HEADER..FRAME_HEADER + header.payload as usize).unwrap_or_default();
    for _ in 0..header.commits {
        let Some(record) = Record::parse(rest) else { return false };
        if codec::hash(record.commit) != record.hash {
            return false;
        }
        rest = rest.get(RECORD_HEADER + record.commit.len()..).unwrap_or_default();
    }
    rest.is_empty()
}

/// Flips each bit in turn until the bytes are right.
fn flip_until(bytes: &mut [u8], is_right: impl Fn(&[u8]) -> bool) -> bool {
    for at in 0..bytes.len() * 8 {
        let flip = |bytes: &mut [u8]| {
            if let Some(byte) = bytes.get_mut(at / 8) {
                *byte ^= 1 << (at % 8);
            }
        };
        flip(bytes);
        if is_right(bytes) {
            return true;
        }
        flip(bytes);
    }
    false
}

/// The byte and bit of a message of this length whose flip changes the checksum in this way.
fn bit_of(difference: u32, length: usize) -> Option<(usize, u32)> {
    // How a flip of each bit of the last byte changes the checksum.
    let mut effects: [u32; 8] = std::array::from_fn(|bit| shift(1 << bit));
    for byte in (0..length).rev() {
        if let Some(bit) = effects.iter().position(|effect| *effect == difference) {
            return Some((byte, u32::try_from(bit).ok()?));
        }
        effects = effects.map(shift);
    }
    None
}

/// The effect of a flip one byte earlier.
fn shift(effect: u32) -> u32 {
    (0..8).fold(
        effect,
        |value, _| if value & 1 == 1 { (value >> 1) ^ POLYNOMIAL } else { value >> 1 },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_of_checksums_names_the_flipped_bit() {
        let message: Vec<u8> = (0..300_u32).map(|n| u8::try_from(n * 7 % 256).unwrap()).collect();
        let right = crc32c::crc32c(&message);
        for at in [0, 1, 150, 298, 299] {
            for bit in 0..8 {
                let mut flipped = message.clone();
                flipped[at] ^= 1 << bit;
                let difference = right ^ crc32c::crc32c(&flipped);
                assert_eq!(bit_of(difference, message.len()), Some((at, bit)));
            }
        }
        assert_eq!(bit_of(0x1234_5678, 300), None);
    }
}
