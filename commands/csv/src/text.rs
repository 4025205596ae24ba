//! Decodes a file into lines of UTF-8, and reports the first bad byte.

use std::io::Read;

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};
use serde_json::json;

use crate::defect::{DefectKind, ReadError, refused};
use crate::encodings::{self, Reading};
use crate::options::{Limits, Options};
use crate::signature;
use crate::source::Source;

/// The bytes of one read: large enough for few calls, small enough to keep two blocks in memory.
const BLOCK_BYTES: usize = 64 * 1024;
/// The bytes of decoded text from which the delimiter is detected: about fifty ordinary rows.
const HEAD_BYTES: usize = 16 * 1024;
/// The end-of-file mark of DOS programs.
const CTRL_Z: u8 = 0x1a;

/// How a line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineEnd {
    Lf,
    CrLf,
    Cr,
    /// The file ended without a line break.
    File,
    /// The line is longer than the caller's limit and was not read to its end.
    TooLong,
}

impl LineEnd {
    pub(crate) fn bytes(self) -> &'static [u8] {
        match self {
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
            Self::Cr => b"\r",
            Self::File | Self::TooLong => b"",
        }
    }
}

/// The decoded text, read line by line.
#[derive(Debug)]
pub(crate) struct Text<R> {
    source: Source<R>,
    decoder: Decoder,
    encoding: &'static Encoding,
    bom: bool,
    /// The bytes of the last read, before decoding.
    block: Vec<u8>,
    /// Decoded text; the part before `at` is already read.
    text: Vec<u8>,
    at: usize,
    /// The position of the next undecoded byte in the file.
    offset: u64,
    /// The size of the decoded text so far, in bytes, with the byte order mark. In a UTF-8 file,
    /// this is a position in the file.
    decoded: u64,
    /// The first bad byte after the decoded text. Reported when the text before this byte was read.
    bad_byte: Option<BadByte>,
    ended: bool,
    line: u64,
}

#[derive(Debug)]
enum BadByte {
    /// `byte` is the position in the file, known for UTF-8 only, because decoding changes
    /// positions.
    Nul { byte: Option<u64> },
    Malformed {
        byte: u64,
        /// The encodings that turn the text from here on into words.
        readings: Vec<Reading>,
    },
}

impl<R: Read> Text<R> {
    /// Opens the file.
    ///
    /// The byte order mark decides the encoding. Without a mark, the caller decides; the default is
    /// UTF-8. The encoding is never guessed.
    pub(crate) fn open(input: R, options: &Options, limits: &Limits) -> Result<Self, ReadError> {
        let mut source = Source::open(input, options, limits)?;
        let label = options.encoding.as_deref().map(encoding_by_label).transpose()?;
        let mark = byte_order_mark(source.head())?;
        if mark.is_none() && label.is_none() && signature::looks_like_utf16(source.head()) {
            return Err(DefectKind::Utf16WithoutBom.into());
        }
        let (encoding, mark_bytes) = mark.unwrap_or((label.unwrap_or(UTF_8), 0));
        let mut bom = [0; 3];
        source.read(bom.get_mut(..mark_bytes).unwrap_or_default())?;
        Ok(Self {
            source,
            decoder: encoding.new_decoder_without_bom_handling(),
            encoding,
            bom: encoding == UTF_8 && mark_bytes > 0,
            block: vec![0; BLOCK_BYTES],
            text: Vec::new(),
            at: 0,
            offset: mark_bytes as u64,
            decoded: mark_bytes as u64,
            bad_byte: None,
            ended: false,
            line: 0,
        })
    }

    pub(crate) fn encoding(&self) -> &'static str {
        self.encoding.name()
    }

    /// Whether a UTF-8 byte order mark was removed.
    pub(crate) fn bom(&self) -> bool {
        self.bom
    }

    /// The number of the line that was read last, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Returns the beginning of the text and does not consume it. Leaves out an incomplete last
    /// line, unless the text has only this line.
    pub(crate) fn head(&mut self) -> Result<Vec<u8>, ReadError> {
        while self.text.len() < HEAD_BYTES && !self.ended && self.bad_byte.is_none() {
            self.fill()?;
        }
        let head = self.text.get(..HEAD_BYTES).unwrap_or(&self.text);
        let whole = if self.ended && head.len() == self.text.len() {
            None
        } else {
            head.iter().rposition(|&b| is_break(b)).map(|last| last + 1)
        };
        Ok(head.get(..whole.unwrap_or(head.len())).unwrap_or_default().to_vec())
    }

    /// Appends the next line to `line`, without the line break. Returns none at the end of the file.
    ///
    /// If a line is longer than `cap` bytes, appends at most one more block and returns
    /// [`LineEnd::TooLong`].
    pub(crate) fn next_line(
        &mut self,
        line: &mut Vec<u8>,
        cap: usize,
    ) -> Result<Option<LineEnd>, ReadError> {
        let before = line.len();
        let line_end = self.read_line(line, cap)?;
        let appended = line.get(before..).unwrap_or_default();
        // Ctrl-Z inside a file is text. Only at the end of the file is it a mark.
        let may_be_the_end = !appended.is_empty() && appended.iter().all(|&b| b == CTRL_Z);
        if may_be_the_end && self.nothing_follows()? {
            line.truncate(before);
            self.at = self.text.len();
            return Ok(None);
        }
        Ok(line_end)
    }

    /// Whether only line breaks and end-of-file marks follow.
    ///
    /// False if more than 16 KiB of them follow: a longer rest would use too much memory.
    fn nothing_follows(&mut self) -> Result<bool, ReadError> {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let is_padding = |&b: &u8| is_break(b) || b == CTRL_Z;
            if rest.len() > HEAD_BYTES || self.bad_byte.is_some() || !rest.iter().all(is_padding) {
                return Ok(false);
            }
            if self.ended {
                return Ok(true);
            }
            self.fill()?;
        }
    }

    /// Like [`Text::next_line`], but removes end-of-file marks from the last line only.
    fn read_line(&mut self, line: &mut Vec<u8>, cap: usize) -> Result<Option<LineEnd>, ReadError> {
        let before = line.len();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let end = rest.iter().position(|&b| is_break(b));
            line.extend_from_slice(rest.get(..end.unwrap_or(rest.len())).unwrap_or_default());
            self.at += end.unwrap_or(rest.len());
            match (rest.get(end.unwrap_or(rest.len())..), end) {
                // The next block may begin with the other half of CRLF.
                (Some([b'\r']), Some(_)) if !self.ended && self.bad_byte.is_none() => {}
                (Some([b'\r', b'\n', ..]), Some(_)) => return Ok(self.end_line(2, LineEnd::CrLf)),
                (Some([b'\r', ..]), Some(_)) => return Ok(self.end_line(1, LineEnd::Cr)),
                (_, Some(_)) => return Ok(self.end_line(1, LineEnd::Lf)),
                (_, None) if line.len() - before > cap => {
                    return Ok(self.end_line(0, LineEnd::TooLong));
                }
                (_, None) => {
                    if let Some(bad) = &self.bad_byte {
                        return Err(self.refusal(bad));
                    }
                    if self.ended {
                        return Ok(self.last_line(line, before));
                    }
                }
            }
            self.fill()?;
        }
    }

    fn end_line(&mut self, break_bytes: usize, line_end: LineEnd) -> Option<LineEnd> {
        self.at += break_bytes;
        self.line += 1;
        Some(line_end)
    }

    /// Ends the file. The rest is a line, unless it is empty or only end-of-file marks.
    fn last_line(&mut self, line: &mut Vec<u8>, before: usize) -> Option<LineEnd> {
        while line.len() > before && line.last() == Some(&CTRL_Z) {
            line.pop();
        }
        if line.len() == before { None } else { self.end_line(0, LineEnd::File) }
    }

    /// Reads and decodes one more block.
    ///
    /// Decoding stops at a bad byte and drops the rest of the block. Nothing reads past a bad byte.
    fn fill(&mut self) -> Result<(), ReadError> {
        self.text.drain(..self.at);
        self.at = 0;
        let n = self.source.read(&mut self.block)?;
        self.ended = n == 0;
        let raw = self.block.get(..n).unwrap_or_default();
        let kept = self.text.len();
        let room = self.decoder.max_utf8_buffer_length_without_replacement(n).unwrap_or(n * 3);
        // The decoder must not stop for lack of room, because the rest of the block would be lost.
        // So the buffer has four bytes more than the decoder needs.
        self.text.resize(kept + room + 4, 0);
        let out = self.text.get_mut(kept..).unwrap_or_default();
        let (result, read, written) =
            self.decoder.decode_to_utf8_without_replacement(raw, out, self.ended);
        self.text.truncate(kept + written);
        let fresh = self.text.get(kept..).unwrap_or_default();
        // Almost no file has NUL, and `contains` is much faster than `position`.
        if let Some(nul) = fresh.contains(&0).then(|| fresh.iter().position(|&b| b == 0)).flatten()
        {
            let byte = (self.encoding == UTF_8).then_some(self.decoded + nul as u64);
            self.text.truncate(kept + nul);
            self.bad_byte = Some(BadByte::Nul { byte });
        } else if let DecoderResult::Malformed(bad, after) = result {
            // The decoder has also read `after` bytes behind the `bad` malformed bytes.
            let distance = u64::from(bad) + u64::from(after);
            let byte = (self.offset + read as u64).saturating_sub(distance);
            let at = read.saturating_sub(usize::try_from(distance).unwrap_or(read));
            // If the end of the file cuts a letter, the file may still be UTF-8.
            let is_cut = self.ended && raw.is_empty();
            let readings = if self.encoding == UTF_8 && !is_cut {
                encodings::plausible(sample(raw, at))
            } else {
                Vec::new()
            };
            self.bad_byte = Some(BadByte::Malformed { byte, readings });
        }
        self.offset += n as u64;
        self.decoded += written as u64;
        Ok(())
    }

    fn refusal(&self, bad: &BadByte) -> ReadError {
        let line = self.line + 1;
        match bad {
            BadByte::Nul { byte } => refused(
                DefectKind::NulByte,
                &format!("line {line}"),
                json!({"line": line, "byte": byte}),
            ),
            BadByte::Malformed { byte, readings } => {
                let encoding = self.encoding.name();
                let mut details = json!({"line": line, "byte": byte, "encoding": encoding});
                if let (Some(first), Some(fields)) = (readings.first(), details.as_object_mut()) {
                    fields.insert("hint".to_owned(), json!({"encoding": label(first.encoding)}));
                    let all = readings
                        .iter()
                        .map(|one| json!({"encoding": label(one.encoding), "shown": one.shown}));
                    fields.insert("readings".to_owned(), all.collect());
                }
                let words = format!("line {line}, byte {byte}, read as {encoding}");
                // If several encodings give the same text, the message names only the first.
                let mut texts: Vec<&str> = Vec::new();
                let mut shown = Vec::new();
                for one in readings {
                    if !texts.contains(&one.shown.as_str()) {
                        texts.push(&one.shown);
                        shown.push(format!("{}: {}", label(one.encoding), one.shown));
                    }
                }
                let shown = shown.join(", ");
                let words = match readings.as_slice() {
                    [] => words,
                    _ => format!("{words}; the cell reads with {shown}"),
                };
                refused(DefectKind::InvalidEncoding, &words, details)
            }
        }
    }
}

/// The bytes from the cell with the bad byte at `at` to the end of the last whole line.
fn sample(raw: &[u8], at: usize) -> &[u8] {
    let is_separator = |b: &u8| matches!(b, b',' | b';' | b'\t' | b'"') || is_break(*b);
    let before = raw.get(..at).unwrap_or_default();
    let start = before.iter().rposition(is_separator).map_or(0, |last| last + 1);
    let rest = raw.get(start..).unwrap_or_default();
    let end = rest.iter().rposition(|&b| is_break(b)).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}

/// The name of an encoding as people write it.
fn label(encoding: &str) -> String {
    encoding.to_lowercase()
}

fn is_break(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

fn encoding_by_label(label: &str) -> Result<&'static Encoding, ReadError> {
    let known = Encoding::for_label_no_replacement(label.as_bytes());
    known.ok_or_else(|| {
        let words = "the requested encoding is unknown";
        refused(DefectKind::InvalidEncoding, words, json!({"unknown": true}))
    })
}

/// The encoding of the byte order mark, and the length of the mark in bytes.
///
/// Refuses UTF-32: the decoder does not support this encoding.
fn byte_order_mark(head: &[u8]) -> Result<Option<(&'static Encoding, usize)>, ReadError> {
    // This check must be first: the mark of UTF-32 begins like the mark of UTF-16.
    if head.starts_with(b"\xff\xfe\0\0") || head.starts_with(b"\0\0\xfe\xff") {
        let details = json!({"line": 1, "byte": 0, "encoding": "UTF-32"});
        return Err(refused(
            DefectKind::InvalidEncoding,
            "it is UTF-32; save it as UTF-8",
            details,
        ));
    }
    Ok(Encoding::for_bom(head))
}
