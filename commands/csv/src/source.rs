//! The file's bytes: detects the kind of file, unpacks gzip and checks the size limits.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use serde_json::json;

use crate::defect::{DefectKind, ReadError, over_limit, refused};
use crate::options::{Limits, Options};
use crate::signature;

/// The first bytes that are kept to detect the kind of file: more than any signature needs.
const HEAD_BYTES: usize = 1024;

/// The bytes of a file before decoding: plain, or unpacked from gzip.
pub(crate) struct Source<R> {
    body: Body<R>,
    head: Vec<u8>,
    served: usize,
    /// Unpacked bytes that were read so far.
    unpacked: u64,
    limits: Limits,
}

enum Body<R> {
    Plain(Raw<R>),
    Gzip(Box<MultiGzDecoder<Raw<R>>>),
}

/// The input with its first bytes put back, and the count of bytes read.
struct Raw<R> {
    head: Vec<u8>,
    served: usize,
    inner: R,
    read: u64,
    cap: u64,
    failure: Option<InputFailure>,
}

/// Why reading the input failed. Damaged gzip data is not a failure of the input.
enum InputFailure {
    TooLarge,
    Io(io::Error),
}

impl<R: Read> Source<R> {
    /// Reads the first bytes, and unpacks gzip if the options allow it.
    pub(crate) fn open(input: R, options: &Options, limits: &Limits) -> Result<Self, ReadError> {
        let mut raw = Raw {
            head: Vec::new(),
            served: 0,
            inner: input,
            read: 0,
            cap: limits.file_bytes,
            failure: None,
        };
        let head = read_head(|buffer| raw.read(buffer).map_err(|error| raw.read_error(error)))?;
        raw.head = head;
        let packed = raw.head.starts_with(signature::GZIP) && options.accept_gzip;
        let body =
            if packed { Body::Gzip(Box::new(MultiGzDecoder::new(raw))) } else { Body::Plain(raw) };
        let mut source =
            Self { body, head: Vec::new(), served: 0, unpacked: 0, limits: limits.clone() };
        source.head = read_head(|buffer| source.read_body(buffer))?;
        match signature::detect(&source.head) {
            Some(kind) => Err(refused(
                DefectKind::UnsupportedFileType,
                &format!("it looks like {kind}"),
                json!({"detected": kind}),
            )),
            None => Ok(source),
        }
    }

    /// The first bytes, at most 1 KiB.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Reads the next bytes; 0 at the end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        match serve(&self.head, &mut self.served, buffer) {
            0 => self.read_body(buffer),
            n => Ok(n),
        }
    }

    fn read_body(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        let n = match &mut self.body {
            Body::Plain(raw) => raw.read(buffer).map_err(|error| raw.read_error(error))?,
            Body::Gzip(decoder) => match decoder.read(buffer) {
                Ok(n) => n,
                Err(error) => return Err(decoder.get_mut().gzip_error(error)),
            },
        };
        self.unpacked += n as u64;
        self.check_ratio()?;
        Ok(n)
    }

    fn check_ratio(&self) -> Result<(), ReadError> {
        let Body::Gzip(decoder) = &self.body else { return Ok(()) };
        let allowed = decoder.get_ref().read.saturating_mul(self.limits.decompression_ratio);
        let allowed = allowed.max(self.limits.decompression_free_bytes);
        if self.unpacked > self.limits.file_bytes {
            let limit = self.limits.file_bytes;
            return Err(over_limit(DefectKind::DecompressionLimit, limit, "bytes", None));
        }
        if self.unpacked > allowed {
            let limit = self.limits.decompression_ratio;
            return Err(over_limit(DefectKind::DecompressionLimit, limit, "times its size", None));
        }
        Ok(())
    }
}

impl<R> Raw<R> {
    fn read_error(&mut self, error: io::Error) -> ReadError {
        match self.failure.take() {
            Some(InputFailure::TooLarge) => {
                over_limit(DefectKind::FileTooLarge, self.cap, "bytes", None)
            }
            Some(InputFailure::Io(error)) => error.into(),
            None => error.into(),
        }
    }

    /// The error of unpacking: the failure of the input, if there is one; otherwise the gzip data is damaged.
    fn gzip_error(&mut self, error: io::Error) -> ReadError {
        if self.failure.is_some() {
            return self.read_error(error);
        }
        let why = "the gzip data is damaged or cut short";
        refused(DefectKind::DamagedGzip, why, json!({"detected": "gzip"}))
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
                    self.failure = Some(InputFailure::Io(error));
                    return Err(kind.into());
                }
                Ok(n) => break n.min(buffer.len()),
            }
        };
        self.read += n as u64;
        if self.read > self.cap {
            self.failure = Some(InputFailure::TooLarge);
            return Err(io::Error::other("too large"));
        }
        Ok(n)
    }
}

/// Copies the first bytes that were not read yet, as many as fit. Returns their number.
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
    mut read: impl FnMut(&mut [u8]) -> Result<usize, ReadError>,
) -> Result<Vec<u8>, ReadError> {
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
