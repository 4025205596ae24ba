//! The file as lines of UTF-8: decoded on the way, with each line's number and each bad byte's place.

use std::io::Read;

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};
use serde_json::json;

use super::failure::{FileError, refused};
use super::magic;
use super::options::{Limits, Options};
use super::source::Source;
use crate::code::{Code, Refusal};

/// How much is read at once, in bytes: enough to make calls cheap, little enough to hold twice.
const BLOCK_BYTES: usize = 64 * 1024;
/// How much of the decoded text is kept to find the delimiter in, in bytes: some fifty ordinary rows.
const HEAD_BYTES: usize = 16 * 1024;
/// What DOS programs end a text with.
const CTRL_Z: u8 = 0x1a;

/// How a line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Lf,
    CrLf,
    Cr,
    /// The file ended without a line break.
    File,
    /// The line is longer than was asked for; it is not complete.
    TooLong,
}

impl Ending {
    pub(super) fn bytes(self) -> &'static [u8] {
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
pub(super) struct Text<R> {
    source: Source<R>,
    decoder: Decoder,
    encoding: &'static Encoding,
    bom: bool,
    block: Vec<u8>,
    text: Vec<u8>,
    at: usize,
    /// Where the next undecoded byte stands in the file.
    offset: u64,
    /// How many bytes were decoded, the mark included.
    decoded: u64,
    /// What is wrong behind the text decoded so far; said when a reader comes to it.
    fault: Option<Fault>,
    ended: bool,
    line: u64,
}

#[derive(Debug)]
enum Fault {
    /// The byte is known where decoding keeps every byte's place.
    Nul {
        byte: Option<u64>,
    },
    Malformed {
        byte: u64,
        single_byte: bool,
    },
}

impl<R: Read> Text<R> {
    /// Finds the encoding: by the byte order mark, else as the asker says, else UTF-8. Never by guessing.
    pub(super) fn open(input: R, options: &Options, limits: &Limits) -> Result<Self, FileError> {
        let mut source = Source::open(input, options, limits)?;
        let asked = options.encoding.as_deref().map(named).transpose()?;
        let mark = mark(source.head())?;
        if mark.is_none() && asked.is_none() && magic::looks_like_utf16(source.head()) {
            return Err(Refusal::new(Code::CsvUtf16WithoutBom).into());
        }
        let (encoding, mark_bytes) = mark.unwrap_or((asked.unwrap_or(UTF_8), 0));
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
            fault: None,
            ended: false,
            line: 0,
        })
    }

    pub(super) fn encoding(&self) -> &'static str {
        self.encoding.name()
    }

    /// Whether a UTF-8 byte order mark was taken off.
    pub(super) fn bom(&self) -> bool {
        self.bom
    }

    /// The number of the line that was read last, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The beginning of the text, whole lines if there are any, without reading it away.
    pub(super) fn head(&mut self) -> Result<Vec<u8>, FileError> {
        while self.text.len() < HEAD_BYTES && !self.ended && self.fault.is_none() {
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

    /// Appends the next line to `line`, without its break; none at the end of the file.
    /// Stops within a block of `cap` bytes when the line is longer.
    pub(super) fn next_line(
        &mut self,
        line: &mut Vec<u8>,
        cap: usize,
    ) -> Result<Option<Ending>, FileError> {
        let before = line.len();
        let ending = self.any_line(line, cap)?;
        let own = line.get(before..).unwrap_or_default();
        let may_be_the_end = !own.is_empty() && own.iter().all(|&b| b == CTRL_Z);
        if may_be_the_end && self.nothing_follows()? {
            line.truncate(before);
            self.at = self.text.len();
            return Ok(None);
        }
        Ok(ending)
    }

    /// Whether only breaks follow, and no more of them than anybody looks for (N28).
    fn nothing_follows(&mut self) -> Result<bool, FileError> {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let is_filling = |&b: &u8| is_break(b) || b == CTRL_Z;
            if rest.len() > HEAD_BYTES || self.fault.is_some() || !rest.iter().all(is_filling) {
                return Ok(false);
            }
            if self.ended {
                return Ok(true);
            }
            self.fill()?;
        }
    }

    fn any_line(&mut self, line: &mut Vec<u8>, cap: usize) -> Result<Option<Ending>, FileError> {
        let before = line.len();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let end = rest.iter().position(|&b| is_break(b));
            line.extend_from_slice(rest.get(..end.unwrap_or(rest.len())).unwrap_or_default());
            self.at += end.unwrap_or(rest.len());
            match (rest.get(end.unwrap_or(rest.len())..), end) {
                (Some([b'\r']), Some(_)) if !self.ended && self.fault.is_none() => {}
                (Some([b'\r', b'\n', ..]), Some(_)) => return Ok(self.ends(2, Ending::CrLf)),
                (Some([b'\r', ..]), Some(_)) => return Ok(self.ends(1, Ending::Cr)),
                (_, Some(_)) => return Ok(self.ends(1, Ending::Lf)),
                (_, None) if line.len() - before > cap => return Ok(self.ends(0, Ending::TooLong)),
                (_, None) => {
                    if let Some(fault) = &self.fault {
                        return Err(self.refusal(fault));
                    }
                    if self.ended {
                        return Ok(self.last(line, before));
                    }
                }
            }
            self.fill()?;
        }
    }

    fn ends(&mut self, break_bytes: usize, ending: Ending) -> Option<Ending> {
        self.at += break_bytes;
        self.line += 1;
        Some(ending)
    }

    fn last(&mut self, line: &mut Vec<u8>, before: usize) -> Option<Ending> {
        while line.len() > before && line.last() == Some(&CTRL_Z) {
            line.pop();
        }
        if line.len() == before { None } else { self.ends(0, Ending::File) }
    }

    /// Decodes one more block behind what is not yet read.
    fn fill(&mut self) -> Result<(), FileError> {
        self.text.drain(..self.at);
        self.at = 0;
        let n = self.source.read(&mut self.block)?;
        self.ended = n == 0;
        let raw = self.block.get(..n).unwrap_or_default();
        let kept = self.text.len();
        let room = self.decoder.max_utf8_buffer_length_without_replacement(n).unwrap_or(n * 3);
        self.text.resize(kept + room + 4, 0);
        let out = self.text.get_mut(kept..).unwrap_or_default();
        let (result, read, written) =
            self.decoder.decode_to_utf8_without_replacement(raw, out, self.ended);
        self.text.truncate(kept + written);
        let fresh = self.text.get(kept..).unwrap_or_default();
        if let Some(nul) = fresh.contains(&0).then(|| fresh.iter().position(|&b| b == 0)).flatten()
        {
            let byte = (self.encoding == UTF_8).then_some(self.decoded + nul as u64);
            self.text.truncate(kept + nul);
            self.fault = Some(Fault::Nul { byte });
        } else if let DecoderResult::Malformed(bad, after) = result {
            let back = u64::from(bad) + u64::from(after);
            let byte = (self.offset + read as u64).saturating_sub(back);
            let next = raw.get(read - usize::from(after).min(read)..).and_then(<[u8]>::first);
            let single_byte = self.encoding == UTF_8
                && bad == 1
                && next.is_none_or(|b| !(0x80..0xc0).contains(b));
            self.fault = Some(Fault::Malformed { byte, single_byte });
        }
        self.offset += n as u64;
        self.decoded += written as u64;
        Ok(())
    }

    fn refusal(&self, fault: &Fault) -> FileError {
        let line = self.line + 1;
        match fault {
            Fault::Nul { byte } => refused(
                Code::CsvNulByte,
                &format!("line {line}"),
                json!({"line": line, "byte": byte}),
            ),
            Fault::Malformed { byte, single_byte } => {
                let encoding = self.encoding.name();
                let mut details = json!({"line": line, "byte": byte, "encoding": encoding});
                if let (true, Some(fields)) = (*single_byte, details.as_object_mut()) {
                    fields.insert("hint".to_owned(), json!({"encoding": "windows-1252"}));
                }
                let words = format!("line {line}, byte {byte}, read as {encoding}");
                refused(Code::CsvInvalidEncoding, &words, details)
            }
        }
    }
}

fn is_break(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

fn named(label: &str) -> Result<&'static Encoding, FileError> {
    let known = Encoding::for_label_no_replacement(label.as_bytes());
    known.ok_or_else(|| {
        let words = "the encoding that was asked for is not known";
        refused(Code::CsvInvalidEncoding, words, json!({"unknown": true}))
    })
}

/// The byte order mark, and how long it is. UTF-32 has one too, but nobody decodes it.
fn mark(head: &[u8]) -> Result<Option<(&'static Encoding, usize)>, FileError> {
    if head.starts_with(b"\xff\xfe\0\0") || head.starts_with(b"\0\0\xfe\xff") {
        let details = json!({"line": 1, "byte": 0, "encoding": "UTF-32"});
        return Err(refused(Code::CsvInvalidEncoding, "it is UTF-32; save it as UTF-8", details));
    }
    Ok(Encoding::for_bom(head))
}
