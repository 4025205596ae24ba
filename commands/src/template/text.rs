//! Texts and times as a mail shows them.

use chrono::{DateTime, Utc};

use crate::values::links::{holds_link, without_links};
use crate::values::{Time, email};

/// The text with the five characters of HTML escaped. Slashes of a link stay readable.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            c => out.push(c),
        }
    }
    out
}

/// The time in UTC, for people: `2026-11-21 08:00 UTC`.
pub(super) fn shown_time(time: Time) -> String {
    let time = DateTime::<Utc>::from_timestamp_millis(time.0).unwrap_or_default();
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// The text without line breaks and other control characters. No value may add a line, which could be a header.
pub(super) fn one_line(text: &str) -> String {
    let plain = text.replace(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'), " ");
    plain.trim().to_owned()
}

/// Whether the character opens or closes a writing direction. A value must not hold one: an unbalanced one reaches
/// beyond the value.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A value of people's data: in one line, without characters that change the writing direction.
pub(super) fn value(text: &str) -> String {
    // Most values are plain.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.trim().to_owned();
    }
    one_line(&text.replace(is_direction, ""))
}

/// A value that is no name, as a mail shows it: no mail program makes a link of it. An e-mail address stays as it is.
pub(super) fn unlinked(text: &str) -> String {
    let value = value(text);
    let is_shown = email::check(&value).is_ok() || !holds_link(&value);
    if is_shown { value } else { without_links(&value).into_owned() }
}
