//! Detects files that are not CSV by their first bytes.

/// The first bytes of a gzip file.
pub(crate) const GZIP: &[u8] = &[0x1f, 0x8b];

/// The first bytes of other kinds of files, with the name of the kind. No CSV file begins with
/// these bytes.
const SIGNATURES: [(&[u8], &str); 17] = [
    (b"PK\x03\x04", "zip or xlsx"),
    (b"PK\x05\x06", "zip or xlsx"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls"),
    (b"%PDF-", "pdf"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\0", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"{\\rtf", "rtf"),
    (b"SQLite format 3\0", "sqlite"),
    (GZIP, "gzip"),
];

/// The kind of file, if its first bytes show that it is not CSV.
pub(crate) fn detect(head: &[u8]) -> Option<&'static str> {
    let signature = SIGNATURES.iter().find(|(bytes, _)| head.starts_with(bytes));
    if let Some((_, kind)) = signature {
        return Some(kind);
    }
    // HEIC, MP4 and WebP files have a length before their signature.
    if head.get(4..8) == Some(b"ftyp") {
        return Some("heic or mp4");
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return Some("webp");
    }
    // Programs may write a byte order mark or blank lines before markup.
    text_kind(head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start())
}

/// Whether the bytes look like UTF-16 without a byte order mark: one byte of most pairs is NUL.
pub(crate) fn looks_like_utf16(head: &[u8]) -> bool {
    let nuls_from = |first: usize| head.iter().skip(first).step_by(2).filter(|&&b| b == 0).count();
    let pairs = head.len() / 2;
    let (even, odd) = (nuls_from(0), nuls_from(1));
    // In Latin text, one byte of each pair is NUL. Letters of other scripts have no NUL byte,
    // so more than half of the pairs is enough. If the other byte is often NUL too, the file is
    // binary.
    pairs > 0 && even.max(odd) * 2 > pairs && even.min(odd) * 8 <= pairs
}

/// The kind of a text that begins like a web page, XML or JSON.
fn text_kind(text: &[u8]) -> Option<&'static str> {
    let begins = |prefix: &[u8]| {
        text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
    };
    let (first, rest) = text.split_first()?;
    let next = rest.trim_ascii_start().first();
    // A header of a CSV file may also begin with `<`, `{` or `[`, so the next character counts too.
    match first {
        b'<' if begins(b"<?xml") => Some("xml"),
        b'<' if next.is_some_and(|&b| b == b'!' || b.is_ascii_alphabetic()) => Some("html"),
        b'{' if matches!(next, Some(b'"' | b'}')) => Some("json"),
        b'[' if matches!(next, Some(b'"' | b'{' | b'[' | b']')) => Some("json"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N78
    #[test]
    fn other_file_kinds_are_detected_by_their_first_bytes() {
        for (head, kind) in [
            (&b"PK\x03\x04\x14\0"[..], "zip or xlsx"),
            (b"%PDF-1.7", "pdf"),
            (b"\xff\xd8\xff\xe0", "jpeg"),
            (b"\0\0\0\x18ftypheic", "heic or mp4"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "webp"),
            (b"\xef\xbb\xbf\r\n<!DOCTYPE html>", "html"),
            (b"<?xml version", "xml"),
            (b" {\"error\":1}", "json"),
            (b"[{\"a\":1}]", "json"),
        ] {
            assert_eq!(detect(head), Some(kind));
        }
        for csv in [&b"username,email"[..], b"", b"<,>", b"{x},y", b"[a],b", b"\xef\xbb\xbf\"a\""] {
            assert_eq!(detect(csv), None);
        }
    }

    /// N08: a single NUL byte is not enough.
    #[test]
    fn utf16_is_detected_by_nul_in_every_second_byte() {
        assert!(looks_like_utf16(b"u\0s\0e\0r\0"));
        assert!(looks_like_utf16(b"\0u\0s\0e\0r"));
        assert!(!looks_like_utf16(b"user\0name,email"));
        assert!(!looks_like_utf16(&[0; 64]));
        assert!(!looks_like_utf16(b""));
    }
}
