//! A link as a QR code in a PNG image, for mails. Mail programs show no SVG.

use fast_qr::{ECL, QRBuilder};

/// The width of one module, in pixels: phones read the code from a screen and from paper.
const MODULE_PIXELS: usize = 5;
/// The empty border that the standard asks for, in modules.
const BORDER_MODULES: usize = 4;

/// The image of the text. None if the text is longer than a QR code can be.
pub(super) fn png(text: &str) -> Option<Vec<u8>> {
    // Level M restores 15 % of the code, and the code of a link stays small enough for a mail.
    let code = QRBuilder::new(text.as_bytes()).ecl(ECL::M).build().ok()?;
    let modules = code.size + 2 * BORDER_MODULES;
    let width = u32::try_from(modules * MODULE_PIXELS).ok()?;
    let mut rows = Vec::with_capacity(modules * MODULE_PIXELS);
    for y in 0..modules {
        let is_dark = |x: usize| {
            let inside = |at: usize| at.checked_sub(BORDER_MODULES).filter(|at| *at < code.size);
            let (Some(x), Some(y)) = (inside(x), inside(y)) else { return false };
            code.data.get(y * code.size + x).is_some_and(|module| module.value())
        };
        let row: Vec<u8> = (0..modules)
            .flat_map(|x| [if is_dark(x) { 0 } else { u8::MAX }; MODULE_PIXELS])
            .collect();
        rows.extend(std::iter::repeat_n(row, MODULE_PIXELS));
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, width);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&rows.concat()).ok()?;
    writer.finish().ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_becomes_a_square_image_of_black_and_white() {
        let bytes = png("https://link.acme.example/01JD0000000000000000000000").unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(info.width, info.height);
        assert!(pixels.iter().all(|pixel| [0, u8::MAX].contains(pixel)));
        let dark = pixels.iter().filter(|pixel| **pixel == 0).count() * 100 / pixels.len();
        assert!((20..60).contains(&dark), "{dark} % dark");
        assert!(bytes.len() < 4_096, "{} bytes", bytes.len());
    }

    #[test]
    fn text_that_fits_in_no_code_has_no_image() {
        assert_eq!(png(&"x".repeat(5_000)), None);
    }
}
