//! The mails' wording: checked when a company sets it, filled in when a mail goes out.

mod about;
mod builtin;
mod check;
mod notices;
mod render;

pub use about::{About, ImportValues};
pub use builtin::{LANGUAGES, LAST_LANGUAGE, builtin};
pub use check::check;
pub use render::{RenderError, Rendered, Renderer, Values, render};

use crate::event::TemplateKind;

/// A mail before it is filled in: MiniJinja in all three parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The BCP 47 tag of the language it is in.
    pub language: String,
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// The template for a person: in their language, else the company's, else English.
///
/// Each language is tried as it stands and then shortened tag by tag (`de-AT`, `de`); at each step the
/// company's `own` wording comes before ours.
pub fn choose(
    kind: TemplateKind,
    person: Option<&str>,
    company: &str,
    own: impl Fn(TemplateKind, &str) -> Option<Template>,
) -> Option<Template> {
    let languages = [person.map(tag).unwrap_or_default(), company, LAST_LANGUAGE];
    languages.into_iter().flat_map(shortened).find_map(|language| {
        own(kind, language).or_else(|| builtin(kind, &language.to_lowercase()))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(person: Option<&str>, company: &str) -> String {
        choose(TemplateKind::Welcome, person, company, |_, _| None).unwrap().language
    }

    #[test]
    fn a_language_falls_back_from_region_to_company_to_english() {
        assert_eq!(chosen(Some("de-AT"), "fr"), "de");
        assert_eq!(chosen(Some("DE"), "fr"), "de");
        assert_eq!(chosen(Some("xx-YY"), "fr-CA"), "fr");
        assert_eq!(chosen(Some("xx"), "yy"), "en");
        assert_eq!(chosen(None, "ja"), "ja");
        assert_eq!(chosen(Some("Spanish"), "fr"), "es");
    }

    #[test]
    fn a_companys_own_wording_comes_before_ours_in_the_same_language() {
        let own = |_: TemplateKind, language: &str| {
            (language == "de").then(|| Template {
                language: "de".to_owned(),
                subject: "eigene".to_owned(),
                text: String::new(),
                html: String::new(),
            })
        };
        let kind = TemplateKind::ChannelInvitation;
        assert_eq!(choose(kind, Some("de-CH"), "en", own).unwrap().subject, "eigene");
        assert_ne!(choose(kind, Some("fr"), "de", own).unwrap().subject, "eigene");
    }
}
