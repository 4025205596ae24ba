//! The trace of a request: `traceparent` of W3C Trace Context.

/// The length of version 00, in characters.
const CHARS: usize = 55;

/// The longest trace, in characters: later versions may be longer than version 00.
const CHARS_MAX: usize = 128;

/// Whether the text is a `traceparent`: version, trace id, parent id and flags in lower-case hexadecimal digits, the
/// ids not zero. Later versions may add parts.
pub fn is_traceparent(text: &str) -> bool {
    let is_hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let is_zero = |part: &str| part.bytes().all(|b| b == b'0');
    let mut parts = text.splitn(5, '-');
    let [version, trace, parent, flags] = [(); 4].map(|()| parts.next().unwrap_or_default());
    let first = [(version, 2), (trace, 32), (parent, 16), (flags, 2)];
    let has_form = first.iter().all(|(part, chars)| part.len() == *chars && is_hex(part));
    let length = if version == "00" { CHARS..=CHARS } else { CHARS..=CHARS_MAX };
    let is_printable = text.bytes().all(|b| b.is_ascii_graphic());
    has_form
        && version != "ff"
        && !is_zero(trace)
        && !is_zero(parent)
        && is_printable
        && length.contains(&text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_has_the_form_of_the_standard() {
        let version_00 = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let later = version_00.replacen("00", "cc", 1) + "-more";
        assert!(is_traceparent(version_00) && is_traceparent(&later));
        for bad in [
            "",
            "x",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            &format!("{version_00}-more"),
            &format!("{version_00}\r\n"),
            &(later.clone() + " x"),
            &(later + &"x".repeat(CHARS_MAX)),
        ] {
            assert!(!is_traceparent(bad), "{bad}");
        }
    }
}
