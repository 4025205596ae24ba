//! The file's bytes: told apart by their first ones, unpacked, and never more than the limits allow.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use serde_json::json;

use super::failure::{FileError, over_limit, refused};
use super::magic;
use super::options::{Limits, Options};
use crate::code::Code;

/// How many first bytes are looked at to tell what a file is: two sectors, more than any signature.
const HEAD_BYTES: usize = 1024;

/// The bytes of a file as text-to-be: plain, or unpacked on the way.
pub(super) struct Source<R> {
    body: Body<R>,
    head: Vec<u8>,
    served: usize,
    /// Bytes given out by the body, unpacked.
    unpacked: u64,
    limits: Limits,
}

enum Body<R> {
    Plain(Raw<R>),
    Gzip(Box<MultiGzDecoder<Raw<R>>>),
}

/// The input behind its own first bytes, counted.
struct Raw<R> {
    head: Vec<u8>,
    served: usize,
    inner: R,
    read: u64,
    cap: u64,
    fault: Option<Fault>,
}

/// Why the input, rather than what was packed in it, failed.
enum Fault {
    TooLarge,
    Io(io::Error),
}

impl<R: Read> Source<R> {
    /// Looks at the first bytes and unpacks what is packed.
    pub(super) fn open(input: R, options: &Options, limits: &Limits) -> Result<Self, FileError> {
        let mut raw = Raw {
            head: Vec::new(),
            served: 0,
            inner: input,
            read: 0,
            cap: limits.file_bytes,
            fault: None,
        };
        let head = read_head(|buffer| raw.read(buffer).map_err(|error| raw.failure(error)))?;
        raw.head = head;
        let packed = raw.head.starts_with(magic::GZIP) && options.accept_gzip;
        let body =
            if packed { Body::Gzip(Box::new(MultiGzDecoder::new(raw))) } else { Body::Plain(raw) };
        let mut source =
            Self { body, head: Vec::new(), served: 0, unpacked: 0, limits: limits.clone() };
        source.head = read_head(|buffer| source.read_body(buffer))?;
        match magic::detect(&source.head) {
            Some(kind) => Err(refused(
                Code::ImportUnsupportedFileType,
                &format!("it looks like {kind}"),
                json!({"detected": kind}),
            )),
            None => Ok(source),
        }
    }

    /// The first bytes, up to a kibibyte.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Reads on; 0 at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, FileError> {
        match serve(&self.head, &mut self.served, buffer) {
            0 => self.read_body(buffer),
            n => Ok(n),
        }
    }

    fn read_body(&mut self, buffer: &mut [u8]) -> Result<usize, FileError> {
        let n = match &mut self.body {
            Body::Plain(raw) => raw.read(buffer).map_err(|error| raw.failure(error))?,
            Body::Gzip(decoder) => match decoder.read(buffer) {
                Ok(n) => n,
                Err(error) => return Err(decoder.get_mut().gzip_failure(error)),
            },
        };
        self.unpacked += n as u64;
        self.check_ratio()?;
        Ok(n)
    }

    fn check_ratio(&self) -> Result<(), FileError> {
        let Body::Gzip(decoder) = &self.body else { return Ok(()) };
        let allowed = decoder.get_ref().read.saturating_mul(self.limits.decompression_ratio);
        let allowed = allowed.max(self.limits.decompression_free_bytes);
        if self.unpacked > self.limits.file_bytes {
            let limit = self.limits.file_bytes;
            return Err(over_limit(Code::ImportDecompressionLimit, limit, "bytes", None));
        }
        if self.unpacked > allowed {
            let limit = self.limits.decompression_ratio;
            return Err(over_limit(Code::ImportDecompressionLimit, limit, "times its size", None));
        }
        Ok(())
    }
}

impl<R> Raw<R> {
    fn failure(&mut self, error: io::Error) -> FileError {
        match self.fault.take() {
            Some(Fault::TooLarge) => over_limit(Code::ImportTooLarge, self.cap, "bytes", None),
            Some(Fault::Io(error)) => error.into(),
            None => error.into(),
        }
    }

    /// A failure of the unpacking, unless the input itself failed: the file is damaged or cut short.
    fn gzip_failure(&mut self, error: io::Error) -> FileError {
        if self.fault.is_some() {
            return self.failure(error);
        }
        let why = "the gzip data is damaged or cut short";
        refused(Code::ImportChecksumMismatch, why, json!({"detected": "gzip"}))
    }
}

impl<R: Read> Read for Raw<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let again = serve(&self.head, &mut self.served, buffer);
        if again > 0 || buffer.is_empty() {
            return Ok(again);
        }
        let n = loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let kind = error.kind();
                    self.fault = Some(Fault::Io(error));
                    return Err(kind.into());
                }
                Ok(n) => break n.min(buffer.len()),
            }
        };
        self.read += n as u64;
        if self.read > self.cap {
            self.fault = Some(Fault::TooLarge);
            return Err(io::Error::other("too large"));
        }
        Ok(n)
    }
}

/// Copies what is left of the first bytes.
fn serve(head: &[u8], served: &mut usize, buffer: &mut [u8]) -> usize {
    let rest = head.get(*served..).unwrap_or_default();
    let n = rest.len().min(buffer.len());
    for (to, from) in buffer.iter_mut().zip(rest) {
        *to = *from;
    }
    *served += n;
    n
}

fn read_head(
    mut read: impl FnMut(&mut [u8]) -> Result<usize, FileError>,
) -> Result<Vec<u8>, FileError> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    let mut block = [0; HEAD_BYTES];
    while head.len() < HEAD_BYTES {
        let room = block.get_mut(..HEAD_BYTES - head.len()).unwrap_or_default();
        let n = read(room)?;
        if n == 0 {
            break;
        }
        head.extend_from_slice(room.get(..n).unwrap_or_default());
    }
    Ok(head)
}

impl<R> std::fmt::Debug for Source<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let packed = matches!(self.body, Body::Gzip(_));
        f.debug_struct("Source").field("packed", &packed).finish_non_exhaustive()
    }
}
