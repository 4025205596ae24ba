//! Texts and times as a mail shows them.

use chrono::{DateTime, Utc};

use crate::values::Time;

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
