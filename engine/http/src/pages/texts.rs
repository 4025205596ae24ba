//! The texts of the pages behind links, one file per language.

use std::sync::LazyLock;

use axum::http::HeaderMap;

use crate::html::texts::{Languages, Texts};

/// The languages of the pages: those of the mails. English comes first, and is used where no other fits.
const FILES: [(&str, &str); 8] = [
    ("en", include_str!("texts/en.json")),
    ("de", include_str!("texts/de.json")),
    ("es", include_str!("texts/es.json")),
    ("fr", include_str!("texts/fr.json")),
    ("it", include_str!("texts/it.json")),
    ("ja", include_str!("texts/ja.json")),
    ("pt", include_str!("texts/pt.json")),
    ("vi", include_str!("texts/vi.json")),
];

static ALL: LazyLock<Languages> = LazyLock::new(|| Languages::read(&FILES));

/// The texts for a language tag such as `de-AT`.
pub(super) fn of_tag(tag: &str) -> Option<&'static Texts> {
    ALL.of_tag(tag)
}

/// The texts of the first language that the reader's browser names and that there is, in its order.
pub(super) fn accepted(headers: &HeaderMap) -> &'static Texts {
    ALL.accepted(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use axum::http::header::ACCEPT_LANGUAGE;

    #[test]
    fn every_language_has_all_texts_with_their_placeholders() {
        crate::html::texts::assert_same_texts(&ALL, 40);
    }

    #[test]
    fn first_known_language_of_the_reader_is_used() {
        let language = |named: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_str(named).unwrap());
            accepted(&headers).language
        };
        assert_eq!(language("de-AT,de;q=0.9,en;q=0.8"), "de");
        assert_eq!(language("nl, FR;q=0.5"), "fr");
        assert_eq!(language("*"), "en");
    }
}
