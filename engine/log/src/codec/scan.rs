//! Reads MessagePack values one by one without building a document.

use boarding_commands::values::Digest;

/// The deepest nesting that [`Scan::skip`] accepts, in levels. The result of a command has far fewer levels, and
/// the stack is large enough.
const DEPTH_MAX: u32 = 64;

/// A cursor in MessagePack bytes. Each method reads one value, or returns `None` if the bytes hold no such value.
/// After a `None` the caller must not use the cursor any more.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Reads the start of an array and returns its number of elements. The caller then reads each element.
    pub(super) fn array(&mut self) -> Option<u64> {
        match self.byte()? {
            marker @ 0x90..=0x9f => Some(u64::from(marker & 0x0f)),
            0xdc => self.number(2),
            0xdd => self.number(4),
            _ => None,
        }
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = match self.byte()? {
            marker @ 0xa0..=0xbf => u64::from(marker & 0x1f),
            0xd9 => self.number(1)?,
            0xda => self.number(2)?,
            0xdb => self.number(4)?,
            _ => return None,
        };
        std::str::from_utf8(self.take(length)?).ok()
    }

    pub(super) fn digest(&mut self) -> Option<Digest> {
        let length = match self.byte()? {
            0xc4 => self.number(1)?,
            0xc5 => self.number(2)?,
            0xc6 => self.number(4)?,
            _ => return None,
        };
        self.take(length)?.try_into().ok().map(Digest)
    }

    pub(super) fn unsigned(&mut self) -> Option<u64> {
        match self.byte()? {
            marker @ 0x00..=0x7f => Some(u64::from(marker)),
            0xcc => self.number(1),
            0xcd => self.number(2),
            0xce => self.number(4),
            0xcf => self.number(8),
            _ => None,
        }
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        match *self.rest.first()? {
            marker @ 0xe0..=0xff => {
                self.byte()?;
                Some(i64::from(marker.cast_signed()))
            }
            marker @ 0xd0..=0xd3 => {
                self.byte()?;
                let bytes = 1u64 << (marker - 0xd0);
                let unused = 64 - 8 * bytes;
                Some((self.number(bytes)? << unused).cast_signed() >> unused)
            }
            _ => self.unsigned().and_then(|number| i64::try_from(number).ok()),
        }
    }

    /// Skips one value of any type.
    pub(super) fn skip(&mut self) -> Option<()> {
        self.skip_within(DEPTH_MAX)
    }

    fn skip_within(&mut self, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let (bytes, values) = match self.byte()? {
            0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => (0, 0),
            marker @ 0x80..=0x8f => (0, u64::from(marker & 0x0f) * 2),
            marker @ 0x90..=0x9f => (0, u64::from(marker & 0x0f)),
            marker @ 0xa0..=0xbf => (u64::from(marker & 0x1f), 0),
            0xc4 | 0xd9 => (self.number(1)?, 0),
            0xc5 | 0xda => (self.number(2)?, 0),
            0xc6 | 0xdb => (self.number(4)?, 0),
            0xc7 => (self.number(1)? + 1, 0),
            0xc8 => (self.number(2)? + 1, 0),
            0xc9 => (self.number(4)? + 1, 0),
            0xcc | 0xd0 => (1, 0),
            0xcd | 0xd1 | 0xd4 => (2, 0),
            0xd5 => (3, 0),
            0xca | 0xce | 0xd2 => (4, 0),
            0xd6 => (5, 0),
            0xcb | 0xcf | 0xd3 => (8, 0),
            0xd7 => (9, 0),
            0xd8 => (17, 0),
            0xdc => (0, self.number(2)?),
            0xdd => (0, self.number(4)?),
            0xde => (0, self.number(2)? * 2),
            0xdf => (0, self.number(4)? * 2),
            0xc1 => return None,
        };
        self.take(bytes)?;
        for _ in 0..values {
            self.skip_within(depth)?;
        }
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// Reads a big-endian number of this many bytes.
    fn number(&mut self, bytes: u64) -> Option<u64> {
        let taken = self.take(bytes)?;
        Some(taken.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn take(&mut self, bytes: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(bytes).ok()?)?;
        self.rest = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn skip_passes_over_a_whole_value_of_any_type() {
        let long = "x".repeat(70_000);
        let values = json!([
            null, true, 1, 200, 70_000, 5_000_000_000_u64, -1, -200, -70_000, -5_000_000_000_i64, 1.5,
            "short", "x".repeat(40), "x".repeat(300), long, {"a": [1, 2]}, [[[]]],
            (0..20).collect::<Vec<_>>(), (0..70_000).collect::<Vec<u32>>(),
        ]);
        let mut bytes = rmp_serde::to_vec(&values).unwrap();
        // The number after the value shows where `skip` has stopped.
        bytes.push(0x2a);
        let mut scan = Scan::new(&bytes);
        scan.skip().unwrap();
        assert_eq!(scan.unsigned(), Some(42));
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_written(signed: i64, unsigned: u64) {
            let bytes = rmp_serde::to_vec(&(signed, unsigned)).unwrap();
            let mut scan = Scan::new(&bytes);
            prop_assert_eq!(scan.array(), Some(2));
            prop_assert_eq!(scan.signed(), Some(signed));
            prop_assert_eq!(scan.unsigned(), Some(unsigned));
        }

        /// P26 for stored bytes: no input makes `skip` panic or recurse without end.
        #[test]
        fn skip_never_panics_on_any_bytes(bytes: Vec<u8>) {
            let _ = Scan::new(&bytes).skip();
        }
    }
}
