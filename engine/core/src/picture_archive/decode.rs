//! Decodes pictures within limits, to know that they are whole. The pixels are not kept.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use boarding_commands::event::PictureFormat;
use boarding_commands::values::Code;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::limits::{PICTURE_DECODER_BYTES_MAX, PICTURE_PIXELS_MAX, PICTURE_SIDE_PIXELS_MAX};

/// One picture is decoded at a time, so that several archives do not multiply the memory.
static DECODER: Mutex<()> = Mutex::new(());

/// The format of a whole picture.
///
/// # Errors
/// `picture.unsupported_format`, `picture.too_many_pixels`, `picture.damaged`.
pub(super) fn check(content: &[u8]) -> Result<PictureFormat, Code> {
    let format = format_of(content).ok_or(Code::PictureUnsupportedFormat)?;
    let _one_at_a_time = DECODER.lock().unwrap_or_else(PoisonError::into_inner);
    // The decoders are libraries: a fault in one must not stop the engine.
    let decoded = catch_unwind(AssertUnwindSafe(|| match format {
        PictureFormat::Jpeg => jpeg(content),
        PictureFormat::Png => png(content),
    }));
    decoded.unwrap_or(Err(Code::PictureDamaged)).map(|()| format)
}

/// The format of a picture by its first bytes. Its name does not matter.
pub(super) fn format_of(content: &[u8]) -> Option<PictureFormat> {
    const JPEG: &[u8] = b"\xff\xd8\xff";
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
    if content.starts_with(JPEG) {
        Some(PictureFormat::Jpeg)
    } else {
        content.starts_with(PNG).then_some(PictureFormat::Png)
    }
}

fn check_size(width: usize, height: usize) -> Result<(), Code> {
    let is_small = width.max(height) <= PICTURE_SIDE_PIXELS_MAX;
    let fits = is_small && width.saturating_mul(height) <= PICTURE_PIXELS_MAX;
    if fits { Ok(()) } else { Err(Code::PictureTooManyPixels) }
}

fn jpeg(content: &[u8]) -> Result<(), Code> {
    const END: [u8; 2] = [0xff, 0xd9];
    let damaged = |_| Code::PictureDamaged;
    // The decoder accepts a picture that lacks only its end.
    if !content.windows(END.len()).any(|two| two == END) {
        return Err(Code::PictureDamaged);
    }
    let options = DecoderOptions::new_safe()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(content), options);
    decoder.decode_headers().map_err(damaged)?;
    let info = decoder.info().ok_or(Code::PictureDamaged)?;
    check_size(usize::from(info.width), usize::from(info.height))?;
    if decoder.input_colorspace() == Some(ColorSpace::YCbCr) {
        // Grey pixels take a third of the memory, and all bytes are read for them as well.
        decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::Luma));
    }
    decoder.decode().map(drop).map_err(damaged)
}

fn png(content: &[u8]) -> Result<(), Code> {
    let damaged = |error| match error {
        png::DecodingError::LimitsExceeded => Code::PictureTooManyPixels,
        _ => Code::PictureDamaged,
    };
    let limits = png::Limits { bytes: PICTURE_DECODER_BYTES_MAX };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(content), limits);
    let info = decoder.read_header_info().map_err(damaged)?;
    let side = |pixels: u32| usize::try_from(pixels).unwrap_or(usize::MAX);
    check_size(side(info.width), side(info.height))?;
    let mut reader = decoder.read_info().map_err(damaged)?;
    while reader.next_row().map_err(damaged)?.is_some() {}
    reader.finish().map_err(damaged)
}
