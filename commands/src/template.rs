//! The mails' wording: checked when a company sets it, filled in when a mail goes out.

mod about;
mod builtin;
mod check;
mod notices;
mod render;

pub use about::{About, ExpiredValues, ImportValues, NumberValues, RunValues};
pub use builtin::{LANGUAGES, LAST_LANGUAGE, builtin};
pub use check::check;
pub use render::{RenderError, Rendered, Renderer, Values, render};

/// A mail before it is filled in: MiniJinja in all three parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The BCP 47 tag of the language it is in.
    pub language: String,
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// The languages in which a mail to a person is looked for, the best first: theirs, the company's, English.
/// Each is followed by what it is shortened to, tag by tag (`de-AT`, `de`).
pub fn candidates<'a>(person: Option<&'a str>, company: &'a str) -> impl Iterator<Item = &'a str> {
    let languages = [person.map(tag).unwrap_or_default(), company, LAST_LANGUAGE];
    languages.into_iter().flat_map(shortened)
}

/// The languages that MultiLine's files name by a word (ML-16).
const BY_WORD: [(&str, &str); 5] =
    [("English", "en"), ("Italian", "it"), ("German", "de"), ("French", "fr"), ("Spanish", "es")];

/// The tag of a language that is named by its word; otherwise the tag that it is.
fn tag(language: &str) -> &str {
    let word = BY_WORD.iter().find(|(word, _)| word.eq_ignore_ascii_case(language));
    word.map_or(language, |(_, tag)| tag)
}

/// `zh-Hant-TW`, `zh-Hant`, `zh`.
fn shortened(language: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(language), |tag| tag.rsplit_once('-').map(|(head, _)| head))
}

/// Whether mails can be worded in it: a BCP 47 tag such as `pt-BR`, as far as its letters go.
pub fn is_language_tag(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}
