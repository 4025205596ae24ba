//! Isolates values in mails: the writing direction of a value cannot change the text around it.

use minijinja::value::ValueKind;
use minijinja::{Error, Output, State, Value};

use super::part::MailPart;
use super::text::escaped;

/// FIRST STRONG ISOLATE: what follows has its own writing direction.
const START: char = '\u{2068}';
/// POP DIRECTIONAL ISOLATE: ends it.
const END: char = '\u{2069}';
/// How much longer a finished part usually gets, in bytes: some marks of HTML are longer than the characters.
const SETTLED_GROWTH_BYTES: usize = 64;
/// The elements of HTML whose text has no elements: the name, and whether the text is shown.
const PLAIN_ELEMENTS: [(&str, bool); 4] =
    [("title", true), ("textarea", true), ("style", false), ("script", false)];

/// Whether the text has a letter that is written from right to left.
pub(super) fn has_right_to_left(text: &str) -> bool {
    let is_one = |c: char| {
        matches!(
            u32::from(c),
            0x590..=0x8ff | 0xfb1d..=0xfdff | 0xfe70..=0xfeff | 0x10800..=0x10fff | 0x1e800..=0x1efff
        )
    };
    !text.is_ascii() && text.chars().any(is_one)
}

/// Writes a value in a part. A text of people's data is isolated; a safe string is our own.
///
/// `both_ways` says that the part itself has text from right to left. Otherwise a value in ASCII needs no marks in
/// plain text. There they would be copied with a user name.
pub(super) fn write_value(
    part: MailPart,
    both_ways: bool,
    out: &mut Output,
    state: &mut State,
    value: &Value,
) -> Result<(), Error> {
    let has_no_text = matches!(
        value.kind(),
        ValueKind::Undefined | ValueKind::None | ValueKind::Bool | ValueKind::Number
    );
    if has_no_text || value.is_safe() {
        return write!(out, "{value}").map_err(Error::from);
    }
    let text = value.to_string();
    // A link that went through a filter is still a link: marks would become part of it.
    let link = state.lookup("link_url").map(|link| link.to_string()).unwrap_or_default();
    let is_link = !link.is_empty() && text.contains(&link);
    let is_plain = part != MailPart::Html && !both_ways && text.is_ascii();
    let text = if part == MailPart::Html { escaped(&text) } else { text };
    if text.is_empty() || is_link || is_plain {
        return out.write_str(&text).map_err(Error::from);
    }
    write!(out, "{START}{text}{END}").map_err(Error::from)
}

/// A finished part, with the isolates as its format writes them: `<bdi>` where HTML shows text, the characters where
/// it is plain, nothing within a link or a tag.
pub(super) fn settled(part: MailPart, filled: String) -> String {
    if !filled.contains(START) && !filled.contains(END) {
        return filled;
    }
    let mut settled = Settled { html: part == MailPart::Html, ..Settled::default() };
    settled.out.reserve(filled.len() + SETTLED_GROWTH_BYTES);
    let mut open: Vec<&str> = Vec::new();
    let mut rest = filled.as_str();
    while let Some(at) = rest.bytes().position(may_be_mark_or_tag) {
        let (text, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        settled.out.push_str(text);
        let mut characters = from.chars();
        match characters.next() {
            Some(START) => {
                let (start, end) = settled.marks();
                settled.out.push_str(start);
                open.push(end);
            }
            Some(END) => settled.out.push_str(open.pop().unwrap_or_default()),
            Some(c) => settled.push(c, characters.clone().next()),
            None => {}
        }
        rest = characters.as_str();
    }
    settled.out.push_str(rest);
    // The template's own isolate without an end.
    while let Some(end) = open.pop() {
        settled.out.push_str(end);
    }
    settled.out
}

/// Whether a character that begins with this byte may be a mark, or the begin or end of a tag. All other text stays as
/// it is.
fn may_be_mark_or_tag(byte: u8) -> bool {
    // The first byte of both marks in UTF-8.
    matches!(byte, b'<' | b'>' | 0xe2)
}

/// The text so far, and where in HTML it ends.
#[derive(Default)]
struct Settled {
    html: bool,
    out: String,
    /// Where the tag begins that has not ended yet.
    tag: Option<usize>,
    /// The open element whose text has no elements, and whether its text is shown.
    plain: Option<(&'static str, bool)>,
}

impl Settled {
    /// The marks before and after a value at the end of the text.
    fn marks(&self) -> (&'static str, &'static str) {
        let word = self.out.rsplit(|c: char| c.is_whitespace() || "<>\"".contains(c)).next();
        let is_in_link =
            word.is_some_and(|word| word.contains("://") || word.starts_with("mailto:"));
        match (self.html, self.tag, self.plain) {
            _ if is_in_link => ("", ""),
            (false, ..) | (true, None, Some((_, true))) => ("\u{2068}", "\u{2069}"),
            (true, None, None) => ("<bdi>", "</bdi>"),
            (true, Some(_), _) | (true, None, Some((_, false))) => ("", ""),
        }
    }

    /// Adds a character that the other one follows.
    fn push(&mut self, c: char, next: Option<char>) {
        if self.html {
            match c {
                '<' if self.tag.is_none() && self.begins_tag(next) => {
                    self.tag = Some(self.out.len());
                }
                '>' => {
                    if let Some(tag) = self.tag.take() {
                        self.end_tag(tag);
                    }
                }
                _ => {}
            }
        }
        self.out.push(c);
    }

    /// Whether `<` begins a tag before this character. A plain element has no tag but its end.
    fn begins_tag(&self, next: Option<char>) -> bool {
        match self.plain {
            Some(_) => next == Some('/'),
            None => next.is_some_and(|next| next.is_ascii_alphabetic() || "/!".contains(next)),
        }
    }

    fn end_tag(&mut self, at: usize) {
        let tag = self.out.get(at + 1..).unwrap_or_default();
        let named = |tag: &str, name: &str| {
            let word = tag.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
            word.eq_ignore_ascii_case(name)
        };
        match self.plain {
            Some((name, _)) => {
                if tag.strip_prefix('/').is_some_and(|tag| named(tag, name)) {
                    self.plain = None;
                }
            }
            None => self.plain = PLAIN_ELEMENTS.into_iter().find(|(name, _)| named(tag, name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn settles(part: MailPart, filled: &str, expected: &str) {
        assert_eq!(settled(part, filled.to_owned()), expected);
    }

    #[test]
    fn html_isolates_where_it_shows_text_and_nowhere_else() {
        use MailPart::Html;
        settles(Html, "<p>\u{2068}a\u{2069}</p>", "<p><bdi>a</bdi></p>");
        settles(Html, "<title>\u{2068}a\u{2069}</title>", "<title>\u{2068}a\u{2069}</title>");
        settles(
            Html,
            "<TITLE >1 < 2</TITLE><b>\u{2068}a\u{2069}",
            "<TITLE >1 < 2</TITLE><b><bdi>a</bdi>",
        );
        settles(
            Html,
            "<a title=\"\u{2068}a\u{2069}\">\u{2068}b\u{2069}",
            "<a title=\"a\"><bdi>b</bdi>",
        );
        settles(Html, "<style>\u{2068}a\u{2069}</style>", "<style>a</style>");
        settles(
            Html,
            "https://x.example/?u=\u{2068}a\u{2069} \u{2068}b\u{2069}",
            "https://x.example/?u=a <bdi>b</bdi>",
        );
    }

    /// An ellipsis, a dash and a quotation mark begin with the same byte as the marks.
    #[test]
    fn other_signs_between_marks_stay() {
        let (marked, shown) = ("“\u{2068}a…\u{2069}” – é", "“<bdi>a…</bdi>” – é");
        settles(MailPart::Html, &format!("<p>{marked}</p>"), &format!("<p>{shown}</p>"));
        settles(MailPart::Text, marked, marked);
    }

    #[test]
    fn isolates_are_always_closed() {
        settles(MailPart::Text, "\u{2068}a", "\u{2068}a\u{2069}");
        settles(MailPart::Text, "a\u{2069}b", "ab");
        settles(MailPart::Text, "https://x.example/\u{2068}a\u{2069}", "https://x.example/a");
        settles(MailPart::Html, "\u{2068}\u{2068}a\u{2069}", "<bdi><bdi>a</bdi></bdi>");
    }
}
