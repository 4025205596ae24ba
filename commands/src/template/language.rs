//! The language of a mail: the tags to try for a person, and what a tag looks like.

/// The language that every mail exists in. It is tried last.
pub const LAST_LANGUAGE: &str = "en";

/// The languages to try for a mail to a person, best first: the person's, the company's, English.
///
/// Each is followed by its shorter forms: `de-AT`, `de`.
pub fn candidates<'a>(person: Option<&'a str>, company: &'a str) -> impl Iterator<Item = &'a str> {
    let languages = [person.map(tag).unwrap_or_default(), company, LAST_LANGUAGE];
    languages.into_iter().flat_map(shortened)
}

/// The languages that MultiLine's files name by a word.
const BY_WORD: [(&str, &str); 5] =
    [("English", "en"), ("Italian", "it"), ("German", "de"), ("French", "fr"), ("Spanish", "es")];

/// The tag of a language that is given by its word or by its tag.
fn tag(language: &str) -> &str {
    let word = BY_WORD.iter().find(|(word, _)| word.eq_ignore_ascii_case(language));
    word.map_or(language, |(_, tag)| tag)
}

/// `zh-Hant-TW`, `zh-Hant`, `zh`.
fn shortened(language: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(language), |tag| tag.rsplit_once('-').map(|(head, _)| head))
}

/// Whether the text may be a BCP 47 tag such as `pt-BR`. Only its characters are checked.
pub fn is_language_tag(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}
